"""The linters, as tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.prefix) / "bin"

# Highest exposure that `systemd-analyze security` may find, times ten, as it wants it.
EXPOSURE = {
    "aios-aigpt@.service": 5,
    "aios-attach@.service": 10,
    "aios-chat.service": 17,
    "aios-console-notify@.service": 12,
    "aios-exec@.service": 33,
    "aios-machine-tree@.service": 65,
    "aios-machine.service": 25,
    "aios-memory-backup.service": 12,
    "aios-memory.service": 8,
    "aios-policy.service": 8,
    "aios-revert.service": 20,
    "aios-revert@.service": 22,
}


def lint(*command: str | Path) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.fail(f"{result.stdout}{result.stderr}", pytrace=False)


def shell_scripts() -> list[Path]:
    tests = [path for path in (ROOT / "tests").rglob("run") if path.is_file()]
    parts = [*ROOT.glob("*.sh"), *ROOT.glob("install/*.sh"), *ROOT.glob("image/*.sh")]
    return [*parts, *tests, ROOT / ".ci/run"]


def test_ruff() -> None:
    lint(BIN / "ruff", "check", "--no-cache", ".")


def test_mypy() -> None:
    lint(BIN / "mypy", "--strict", "services", *(ROOT / "install").glob("*.py"))
    lint(BIN / "mypy", "--strict", ROOT / "image/oci.py", ROOT / "image/systemd")


def test_shellcheck() -> None:
    lint("shellcheck", "-x", *shell_scripts())
    # Read by whatever shell the person has.
    lint("shellcheck", "--shell=sh", ROOT / "services/aios/client/profile.sh")


def test_every_service_has_a_threshold() -> None:
    assert {unit.name for unit in (ROOT / "units").glob("*.service")} == set(EXPOSURE)


@pytest.mark.parametrize("unit", EXPOSURE)
def test_exposure(unit: str) -> None:
    lint("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE[unit]}",
         ROOT / "units" / unit)  # fmt: skip


def test_catalog_explains_each_message() -> None:
    from aios.audit_ids import MessageId

    catalog = (ROOT / "units/aios.catalog").read_text()
    assert set(re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.MULTILINE)) == {
        str(message) for message in MessageId
    }
