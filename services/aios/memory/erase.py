"""Erasing what was deleted, in steps that let other writes in between. Standard library only.

A deleted row is overwritten at once (secure_delete), but FTS5 only marks words as deleted, and
SQLite leaves copies of cells that it moved in the unused parts of pages. So first the word indexes
are merged, step by step; then, with the WAL empty and nobody writing, the unused parts of pages
are overwritten in the file itself: no reader looks at them. A VACUUM would do both, and keep every
writer waiting for as long as it takes.

Triggers note in `memory_remains` that something was deleted, so a killed service goes on where it
was. Each stage is a row: what is deleted while an earlier round goes on has a round of its own.
"""

import os
import sqlite3
from enum import Enum, auto
from pathlib import Path

from aios.memory.schema import transaction
from aios.memory.writer import truncate

SCHEMA = """
CREATE TABLE memory_remains (stage INTEGER PRIMARY KEY);
CREATE TRIGGER memory_leaves_remains AFTER DELETE ON memories BEGIN
    INSERT INTO memory_remains(stage)
    SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM memory_remains WHERE stage = 0);
END;
CREATE TRIGGER command_leaves_remains AFTER DELETE ON commands BEGIN
    INSERT INTO memory_remains(stage)
    SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM memory_remains WHERE stage = 0);
END;
"""
_ASKED, _MERGING, _WIPING = range(3)
MERGE_PAGES = 200
"""Of a word index, 4 KiB each, that one step writes."""
WIPE_PAGES = 4096
"""Of the file that one step looks at."""
_HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}
"""Bytes before a page's cell pointers, by its kind: inner and outer pages of indexes and tables."""


class Left(Enum):
    NOTHING = auto()
    MORE = auto()
    HELD = auto()
    """By a program that reads an older state: its pages are needed."""


class Eraser:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._file: int | None = None
        """Never closed while the database is open: the kernel would drop SQLite's locks."""
        self._page = 0

    def renewed(self) -> None:
        """Another file is there now."""
        self._file = None
        self._page = 0

    def step(self, connection: sqlite3.Connection) -> Left:
        """Raises sqlite3.Error, OSError. In no transaction."""
        stages = {row[0] for row in connection.execute("SELECT stage FROM memory_remains")}
        if _WIPING in stages:
            return self._wipe(connection)
        if not stages:
            return Left.NOTHING
        with transaction(connection):
            if _MERGING not in stages:
                self._page = 0
                # A negative number begins: all of the index is to become one piece.
                _merge(connection, -MERGE_PAGES)
                connection.execute("UPDATE memory_remains SET stage = ?", (_MERGING,))
            elif not _merge(connection, MERGE_PAGES):
                connection.execute(
                    "UPDATE memory_remains SET stage = ? WHERE stage = ?", (_WIPING, _MERGING)
                )
        return Left.MORE

    def _wipe(self, connection: sqlite3.Connection) -> Left:
        if not truncate(connection):
            return Left.HELD
        # Pages that this connection remembers would come back with what stands in them.
        connection.execute("PRAGMA shrink_memory")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        with transaction(connection):
            if self._wal.exists() and self._wal.stat().st_size:
                return Left.MORE  # another program has written just now
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            pages = os.fstat(self._file).st_size // size
            wipe(self._file, size, self._page, min(self._page + WIPE_PAGES, pages))
            self._page += WIPE_PAGES
            if self._page < pages:
                return Left.MORE
            os.fsync(self._file)
            # A commit: other connections read anew what they remember.
            connection.execute("DELETE FROM memory_remains WHERE stage = ?", (_WIPING,))
            self._page = 0
            asked = connection.execute("SELECT 1 FROM memory_remains").fetchone()
        return Left.MORE if asked else Left.NOTHING


def indexes(connection: sqlite3.Connection) -> list[str]:
    """The names of the word indexes."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%using fts5%'"
        )
    ]


def _merge(connection: sqlite3.Connection, pages: int) -> bool:
    """Whether there was anything to merge, of any index."""
    worked = False
    for name in indexes(connection):
        before = connection.total_changes
        connection.execute(
            f"INSERT INTO {name}({name}, rank) VALUES ('merge', ?)",  # noqa: S608
            (pages,),
        )
        # FTS5's own sign: what changes nothing counts as one change.
        worked |= connection.total_changes - before >= 2
    return worked


def wipe(file: int, size: int, first: int, last: int) -> None:
    """Zeroes in what the pages `first` to before `last` (from 0) do not use. The file must be
    complete, without a WAL, and nobody writing."""
    header = os.pread(file, 100, 0)
    usable = size - header[20]
    free = _free_pages(file, size, header)
    block = os.pread(file, (last - first) * size, first * size)
    for number in range(first, last):
        page = block[(number - first) * size : (number - first + 1) * size]
        spans = [(0, size)] if number + 1 in free else _unused(page, 0 if number else 100, usable)
        for start, end in spans:
            if page.count(0, start, end) < end - start:
                os.pwrite(file, bytes(end - start), number * size + start)


def _free_pages(file: int, size: int, header: bytes) -> set[int]:
    """Numbers, from 1, of the free pages but for those that list the others; none where the list
    is not as the header says."""
    trunk, total = (int.from_bytes(header[place : place + 4], "big") for place in (32, 36))
    found: set[int] = set()
    lists: set[int] = set()
    while trunk and trunk not in lists:
        lists.add(trunk)
        page = os.pread(file, size, (trunk - 1) * size)
        numbers = [int.from_bytes(page[place : place + 4], "big") for place in range(0, size, 4)]
        trunk, count = numbers[:2] if page else (0, 0)
        found.update(numbers[2 : 2 + count])
    return found if len(found) + len(lists) == total and not found & lists else set()


def _unused(page: bytes, start: int, usable: int) -> list[tuple[int, int]]:
    """Where a page of a table or an index has nothing; none for a page of another kind, or one
    that is not as it should be (`verify` tells). Pages that go on a long row begin with a number
    below 2**24, so never look like one."""
    if page[start] not in _HEADERS:
        return []

    def number(place: int) -> int:
        return int.from_bytes(page[place : place + 2], "big")

    gap = start + _HEADERS[page[start]] + 2 * number(start + 3)
    content = number(start + 5) or 65536
    if not gap <= content <= usable:
        return []
    spans = [(gap, content)]
    block, after = number(start + 1), content
    while block:
        length = number(block + 2) if after <= block <= usable - 4 else 0
        if length < 4 or block + length > usable:
            return []
        spans.append((block + 4, block + length))
        block, after = number(block), block + length
    return spans
