"""What of the package goes into machines."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "install/client_tree.py"


def package(directory: Path, **files: str) -> Path:
    root = directory / "aios"
    (root / "client").mkdir(parents=True)
    for name in ("__init__", "client/__init__"):
        (root / f"{name}.py").touch()
    for name, text in files.items():
        (root / f"{name.replace('__', '/')}.py").write_text(text)
    return root


def copy(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, root, target], capture_output=True, text=True, check=False
    )


def test_the_client_and_what_it_imports(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        client__main="from aios.text import visible\n",
        text="import re\nfrom aios import more\n",
        more="",
        server="import dbus_next\n",
    )
    assert copy(root, tmp_path / "out").returncode == 0
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.py")}
    assert names == {
        "aios/__init__.py",
        "aios/client/__init__.py",
        "aios/client/main.py",
        "aios/more.py",
        "aios/text.py",
    }


def test_only_the_standard_library(tmp_path: Path) -> None:
    result = copy(package(tmp_path, client__main="import jeepney\n"), tmp_path / "out")
    assert result.returncode != 0
    assert "machines have no jeepney" in result.stderr


def test_an_import_inside_a_function_is_the_functions_own_business(tmp_path: Path) -> None:
    root = package(tmp_path, client__main="def call():\n    import jeepney\n    return jeepney\n")
    assert copy(root, tmp_path / "out").returncode == 0
