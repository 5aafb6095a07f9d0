"""What an uninstallation takes away, and what it leaves."""

from pathlib import Path

import pytest

import manifest
from aios.attach import settings
from landing import BESIDE, Landing
from removal import Removal

CONFIG = "etc/aios/config.toml"
SHIPPED = {CONFIG: "one", "usr/lib/aios/aios/x.py": "x", "usr/share/aios/a": "", "usr/bin/aios": ""}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for directory in ("usr/bin", "etc/systemd/nspawn", "var/lib/machines"):
        (root / directory).mkdir(parents=True)
    _install(tmp_path, root, SHIPPED)
    return root


def _install(tmp_path: Path, root: Path, files: dict[str, str]) -> None:
    stage = tmp_path / "stage"
    for path, text in files.items():
        (stage / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / path).write_text(text)
    Landing(stage, root, "/usr").land()
    manifest.finish(root)


def _files(root: Path) -> set[str]:
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    } - {manifest.PATH}


def test_all_that_was_installed_goes(root: Path) -> None:
    # Bytecode is nobody's file, and goes with its directory.
    (root / "usr/lib/aios/aios/__pycache__").mkdir()
    Removal(root, purge=False).remove()
    assert _files(root) == set()
    left = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert {path for path in left if not path.startswith("var")} == {
        "usr", "usr/bin", "etc", "etc/systemd", "etc/systemd/nspawn"
    }  # fmt: skip
    # Again: what a killed one had not come to.
    Removal(root, purge=False).remove()


@pytest.mark.parametrize("purge", [False, True])
def test_what_was_edited_stays_unless_purged(tmp_path: Path, root: Path, purge: bool) -> None:
    (root / CONFIG).write_text("mine")
    _install(tmp_path, root, {**SHIPPED, CONFIG: "two"})
    assert (root / (CONFIG + BESIDE)).exists()
    removal = Removal(root, purge=purge)
    assert list(removal.kept()) == ([] if purge else [root / CONFIG])
    removal.remove()
    assert _files(root) == (set() if purge else {CONFIG})


def test_what_others_put_beside_it_stays(root: Path) -> None:
    (root / "usr/share/aios/theirs").touch()
    Removal(root, purge=True).remove()
    assert _files(root) == {"usr/share/aios/theirs"}


def test_machines_lose_aios_lines_and_nothing_else(root: Path) -> None:
    # In whatever encoding somebody's editor has.
    own = "# f\udcfcr mich\n[Exec]\nPrivateUsers=pick\n"
    for name, text in {
        "web": settings.attach(own),
        "bare": settings.attach(""),
        "far": own,
    }.items():
        (root / f"etc/systemd/nspawn/{name}.nspawn").write_text(text, errors="surrogateescape")
    Removal(root, purge=False).remove()
    assert {
        path.name: path.read_text(errors="surrogateescape")
        for path in (root / "etc/systemd/nspawn").iterdir()
    } == {"web.nspawn": own, "far.nspawn": own}  # fmt: skip


def test_mount_points_go_and_nothing_that_a_machine_put_there(root: Path) -> None:
    outside = root / "usr/local/bin"
    outside.mkdir(parents=True)
    (outside / "aigpt").touch()
    tree = root / "var/lib/machines/web"
    (tree / "etc/profile.d").mkdir(parents=True)
    (tree / "usr/lib/aios/client").mkdir(parents=True)
    (tree / "etc/profile.d/aios.sh").touch()
    (tree / "usr/local").mkdir()
    # Root in there may have laid a link to what is out here.
    (tree / "usr/local/bin").symlink_to(outside)
    full = root / "var/lib/machines/full/usr/local/bin"
    full.mkdir(parents=True)
    (full / "aios").write_text("its own")
    Removal(root, purge=False).remove()
    assert not (tree / "etc/profile.d/aios.sh").exists()
    assert not (tree / "usr/lib/aios").exists()
    assert (outside / "aigpt").exists()
    assert (full / "aios").read_text() == "its own"
