"""Texts as long as they may be, of one thing again and again: nothing that reads every command and
every memory takes longer than its length says. (64 KiB of one letter once took 20 s of everybody's
memory, 64 KiB of line ends a minute.)"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from aios.memory import history, preferences, schema
from aios.memory.history import Event
from aios.memory.memories import Draft, Source
from aios.redact import redact

SIZE = 60_000
SECONDS = 5.0
"""A hundred times what each takes on a machine of one's own."""
SHAPES = ["y", "a", "ba", "1", "\n", "\t", " ", "'", '"', "`", "$(", "(", "\\", "a ", "; ", "|",
          "<", "<<E ", "a=", "a/", "-a ", "--x=", "a@b:", "x://", "://", "a.", "é", "i prefer ",
          "token ", "password ", "a_", "eyJ", "-----BEGIN PRIVATE KEY", "curl ",
          "mysql -u x "]  # fmt: skip


def tag(text: str) -> None:
    history.tagged(history.command_in(text))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("read", [redact, tag, preferences.stated])
def test_a_long_line_is_read_in_time(read: Callable[[str], object], shape: str) -> None:
    text = f"echo {shape * (SIZE // len(shape.encode()))}"
    before = time.thread_time()
    read(text)
    assert time.thread_time() - before < SECONDS


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    with closing(schema.connect(tmp_path_factory.mktemp("long") / "memory.db")) as connection:
        yield connection


def recorded(db: sqlite3.Connection, text: str) -> None:
    """A row that memory is long about comes again and again: exec waits 30 s for it."""
    history.record(db, Event(text[-20:], text, "m", 1, "u", "2026-01-01T00:00:00Z", words=text))


def remembered(db: sqlite3.Connection, text: str) -> None:
    preferences.create(db, text[-20:], Draft.of(text), Source("m", "u", 1, "", ""))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("keep", [recorded, remembered])
def test_it_is_kept_in_time(
    db: sqlite3.Connection, keep: Callable[[sqlite3.Connection, str], None], shape: str
) -> None:
    text = f"echo {shape * (SIZE // len(shape.encode()))}"
    before = time.thread_time()
    keep(db, text)
    assert time.thread_time() - before < SECONDS
