"""Forgetting: memories and commands are gone from the rows, the word index, free pages, the WAL and
the backups. Standard library only.

In the service's database it is removed in parts and erased in steps (erase.py); a backup, for which
nobody waits, is written anew (VACUUM).
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aios.memory import backup, schema
from aios.memory.erase import indexes
from aios.memory.memories import index
from aios.memory.schema import transaction
from aios.memory.words import fold

KINDS = ("memories", "commands")
PART = 100


@dataclass(frozen=True)
class Filter:
    """What all of the given say is meant; None and empty say nothing. Whose: `user` with `uid`."""

    user: str | None = None
    uid: int | None = None
    ids: tuple[str, ...] = ()
    query: str = ""
    """The text contains it, as it is; case does not matter."""
    since: str | None = None
    until: str | None = None
    """since <= made or started < until, as history.moment writes times."""
    machine: str | None = None
    session: str | None = None
    kinds: tuple[str, ...] = KINDS


@dataclass(frozen=True)
class Found:
    memories: tuple[str, ...]
    commands: tuple[str, ...]


_WHOSE = """
    (:user IS NULL OR user = :user) AND (:uid IS NULL OR uid = :uid)
    AND (:machine IS NULL OR machine = :machine) AND (:session IS NULL OR session = :session)
"""
_TIME = """
    AND (:since IS NULL OR julianday({time}) >= julianday(:since))
    AND (:until IS NULL OR julianday({time}) < julianday(:until))
"""
_MEMORIES = f"""
SELECT id, content || char(10) || coalesce(ai_interpretation, '') AS text FROM memories
LEFT JOIN memory_sources ON memory_id = id WHERE {_WHOSE} {_TIME.format(time="created_at")}
"""  # noqa: S608 - constants
_COMMANDS = f"""
SELECT id, {{text}} AS text FROM commands WHERE {_WHOSE} {_TIME.format(time="started_at")}
"""  # noqa: S608


def find(connection: sqlite3.Connection, wanted: Filter) -> Found:
    columns = {row["name"] for row in connection.execute("PRAGMA table_info(commands)")}
    text = "command"
    if "words" in columns:
        text += " || char(10) || coalesce(words, '')"
    memories = _find(connection, _MEMORIES, wanted) if KINDS[0] in wanted.kinds else ()
    commands = (
        _find(connection, _COMMANDS.format(text=text), wanted) if KINDS[1] in wanted.kinds else ()
    )
    return Found(memories, commands)


def _find(connection: sqlite3.Connection, select: str, wanted: Filter) -> tuple[str, ...]:
    needle = fold(wanted.query.strip())
    ids = frozenset(wanted.ids)
    rows = connection.execute(select, {**vars(wanted), "ids": None, "kinds": None})
    return tuple(
        row["id"]
        for row in rows
        if (not ids or row["id"] in ids) and (not needle or needle in fold(row["text"]))
    )


def parts(found: Found) -> Iterator[Found]:
    """Of a size that a transaction removes in a moment."""
    for start in range(0, len(found.memories), PART):
        yield Found(found.memories[start : start + PART], ())
    for start in range(0, len(found.commands), PART):
        yield Found((), found.commands[start : start + PART])


def remove(connection: sqlite3.Connection, found: Found) -> None:
    """From all answers; what is left of it in the file is `erase`'s."""
    with transaction(connection):
        for table, ids in (("memories", found.memories), ("commands", found.commands)):
            connection.executemany(
                f"DELETE FROM {table} WHERE id = ?",  # noqa: S608 - one of two
                [(one,) for one in ids],
            )
        if found.memories:
            # Made from memories, and made again when somebody asks.
            connection.execute("DELETE FROM user_profiles")
            connection.execute("DELETE FROM relationship_cache")
        index(connection)


def forget(connection: sqlite3.Connection, wanted: Filter) -> Found:
    """What was found, and is in no row, index or free page any more, in a file that nobody else
    waits for; the WAL is `truncate`'s. In no transaction."""
    with transaction(connection):
        found = find(connection, wanted)
        remove(connection, found)
        for name in indexes(connection):
            connection.execute(f"INSERT INTO {name}({name}) VALUES ('optimize')")  # noqa: S608
        connection.execute("DELETE FROM memory_remains")
    connection.execute("VACUUM")
    return found


def in_backups(backups: Path, wanted: Filter) -> tuple[int, list[str]]:
    """How many backups were written anew, and files that can still hold what is forgotten."""
    rewritten, left = 0, []
    for path in [*backup.every(backups), *backup.of_snapshots(backups)]:
        try:
            rewritten += _forget_in(path, wanted)
        except sqlite3.DatabaseError as error:
            left.append(f"{path} ({error})")
    return rewritten, left + [str(path) for path in backup.aside(backups)]


def _forget_in(path: Path, wanted: Filter) -> bool:
    """Whether the backup held any of it; then it is replaced by one that does not."""
    new = path.with_name(f".{path.name}.new")
    shutil.copyfile(path, new)
    with closing(schema.connect(new)) as copy:
        found = forget(copy, wanted)
        copy.execute("PRAGMA journal_mode = DELETE")
    if not found.memories and not found.commands:
        new.unlink()
        return False
    backup.put(new, path)
    return True
