"""SECURITY.md and docs/FAULTS.md name tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "SECURITY.md").read_text()
FAULTS = (ROOT / "docs/FAULTS.md").read_text()


def existing() -> dict[str, set[str]]:
    """Those of each file; of files of one name together."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        tests = re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
        found.setdefault(path.stem, set()).update(tests)
    return found


def test_each_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert named - set().union(*existing().values()) == set()


def test_each_fault_names_tests_that_exist() -> None:
    files = existing()
    rows = [line for line in FAULTS.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`(?:vm/)?(test_\w+|…)?(?:::)?(\w+)?`", row.rpartition(" | ")[2])
        assert named, row
        file = ""
        for said, test in named:
            # `…::test`: of the file named before.
            file = said if said != "…" else file
            assert file in files, row
            assert not test or any(each.endswith(test) for each in files[file]), (file, test)


def test_every_protection_names_a_test() -> None:
    protected = TEXT.split("## What is protected\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in protected.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        assert re.search(r"`test_\w+`", row), row


def test_every_attack_is_named() -> None:
    """A new one has its line in SECURITY.md."""
    for path in sorted((ROOT / "tests/system").glob("test_attack_*.py")):
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE):
            assert f"`{name}`" in TEXT, f"{path.name}: {name}"
