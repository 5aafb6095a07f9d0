"""Tools of which the tables say that with any option they only read: whether they write nothing."""

import contextlib
import os
import re
import shutil
import string
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aios.policy.tools import tools

HELD = ("sort", "uniq", "shuf")
"""They write with some option, which the tables do not know: what is looked for here is seen."""
READERS = sorted(
    name
    for name, tool in tools().items()
    if tool.any_option and shutil.which(name) and name not in ("yes", "sleep")
)
SECONDS = 0.5
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def filled(where: Path) -> Path:
    for name in ("a", "b"):
        (where / name).write_text(f"1 {name}\n2 x\n")
    if os.geteuid() == 0:
        for path in (where, *where.iterdir()):
            os.chown(path, 65534, 65534)
    return where


def state(where: Path) -> list[tuple[str, int, int, int]]:
    found = [(path, path.lstat()) for path in sorted(where.rglob("*"))]
    return [(path.name, each.st_size, each.st_mtime_ns, each.st_mode) for path, each in found]


def lines(tool: str, where: Path) -> Iterator[list[str]]:
    shown = called([tool, "--help"], where)
    for letter in string.ascii_letters + string.digits:
        yield [f"-{letter}", "a", "b"]
        yield [f"-{letter}b", "a"]
    for name in sorted(set(re.findall(r"--[a-z][a-z0-9-]+", shown))):
        yield [name, "b", "a"]
        yield [f"{name}=b", "a"]


def called(words: list[str], where: Path) -> str:
    prefix = ["prlimit", "--fsize=1048576", *(NOBODY if os.geteuid() == 0 else [])]
    # Without a home: top makes directories for its settings in one.
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C"}
    with tempfile.TemporaryFile() as said:
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*prefix, *words], cwd=where, env=environment, stdin=subprocess.DEVNULL,
                stdout=said, stderr=said, check=False, timeout=SECONDS,
            )  # fmt: skip
        said.seek(0)
        return said.read().decode(errors="replace")


def writes(tool: str, where: Path) -> list[str]:
    before = state(filled(where))
    for words in lines(tool, where):
        called([tool, *words], where)
        if state(where) != before:
            return words
    return []


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Path]:
    """A directory that nobody reaches, too."""
    where = Path("/tmp") / f"aios-readers-{os.getpid()}"
    where.mkdir(mode=0o755)
    yield where
    shutil.rmtree(where)


@pytest.mark.long
@pytest.mark.parametrize("tool", READERS)
def test_a_reader_writes_nothing_with_any_option(yard: Path, tool: str) -> None:
    assert not writes(tool, yard)


@pytest.mark.long
@pytest.mark.parametrize("tool", HELD)
def test_what_writes_is_seen(yard: Path, tool: str) -> None:
    assert writes(tool, yard)
