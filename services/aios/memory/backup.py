"""Whole copies of the database, and putting one in its place. Standard library only.

They are not in the database's directory, which machines see. A copy is made through SQLite, is
checked, and has its name when it is complete. Of a damaged database none is made, so the good ones
stay.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from aios import durable
from aios.errors import NotFound, Unavailable

KEEP = 7
_NAME = "memory-*.db"
_OF_SNAPSHOTS = "snapshot-*.db"
_PROBLEMS = 10


def directory_of(database: Path) -> Path:
    return database.parent.with_name(f"{database.parent.name}-backup")


def every(directory: Path) -> list[Path]:
    """The newest first. Raises OSError."""
    return sorted(directory.glob(_NAME), reverse=True)


def of_snapshots(directory: Path) -> list[Path]:
    """Those that belong to machines' snapshots, which say when they go."""
    return sorted(directory.glob(_OF_SNAPSHOTS), reverse=True)


def aside(directory: Path) -> list[Path]:
    """What was there before a restore, as it was."""
    return sorted(directory.glob("damaged-*/*"))


def offer(directory: Path) -> str:
    """What to do about a damaged database."""
    found = every(directory) if directory.is_dir() else []
    if not found:
        return f"it is damaged, and there is no backup in {directory}"
    return (
        f"it is damaged; the last good backup is {found[0]}: `aios memory restore` puts it in its"
        " place and keeps what is there now"
    )


def check(connection: sqlite3.Connection) -> list[str]:
    """What is wrong with the file. Not quick_check: in SQLite 3.40 it finds NULL in what is none
    (the primary key of a WITHOUT ROWID table in another order than its columns)."""
    found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_PROBLEMS})")]
    return [] if found == ["ok"] else found


def make(
    source: sqlite3.Connection, directory: Path, *, keep: int = KEEP, snapshot: str = ""
) -> Path:
    """A copy on disk; the oldest beyond `keep` are removed. snapshot: that it belongs to. Raises
    Unavailable for a damaged database, sqlite3.Error, OSError."""
    durable.directory(directory)
    for left in directory.glob(".*.new*"):
        left.unlink()
    path = directory / (f"snapshot-{snapshot}.db" if snapshot else f"memory-{_now()}.db")
    new = directory / f".{path.name}.new"
    with closing(sqlite3.connect(new, isolation_level=None)) as copy:
        source.backup(copy)
        # A file by itself, without -wal and -shm.
        copy.execute("PRAGMA journal_mode = DELETE")
        problems = check(copy)
    if problems:
        new.unlink()
        raise Unavailable(f"no backup is made: {problems[0]}", hint=offer(directory))
    put(new, path)
    for old in every(directory)[keep:]:
        old.unlink()
    return path


def remove(directory: Path, snapshot: str) -> None:
    """No error where there is none."""
    path = directory / f"snapshot-{snapshot}.db"
    if path.exists():
        path.unlink()
        durable.sync(directory)


def put(new: Path, path: Path) -> None:
    """Under its name, on disk."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    new.replace(path)
    durable.sync(path.parent)


def restore(database: Path, directory: Path, name: str = "") -> Path:
    """Puts a backup (`name`, else the newest) in the place of a database that nobody here has
    open. Raises NotFound, Unavailable for a damaged backup, OSError."""
    named = [*every(directory), *of_snapshots(directory)] if name else every(directory)
    found = [path for path in named if name in ("", path.name)]
    if not found:
        raise NotFound(
            f"no backup {name}" if name else f"no backup in {directory}",
            hint=", ".join(path.name for path in every(directory)),
        )
    good = found[0]
    with closing(sqlite3.connect(f"file:{good}?immutable=1", uri=True)) as copy:
        if problems := check(copy):
            raise Unavailable(f"{good} is damaged too: {problems[0]}")
    new = database.with_name(f".{database.name}.new")
    shutil.copyfile(good, new)
    before = durable.directory(directory / f"damaged-{_now()}")
    # The WAL first: it must never stand beside a database that is not its own.
    for suffix in ("-wal", "-shm"):
        old = database.with_name(database.name + suffix)
        if old.exists():
            shutil.move(old, before / old.name)
    if database.exists():
        # Not moved: where there is no file an empty one would be made.
        shutil.copyfile(database, before / database.name)
    put(new, database)
    return good


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
