"""What was done: one row per command, told by exec, with what it did read from the command.

Standard library only. Tags and entities of a command stand beside its time in tables of their own,
so that "the last installs" are found without reading every command.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from aios.errors import InvalidOption
from aios.memory.actions import Tagged, command_in, entities, main, tagged
from aios.memory.memories import MAX_REPLY, now
from aios.memory.schema import transaction

SCHEMA = """
ALTER TABLE commands ADD COLUMN words TEXT;
ALTER TABLE commands ADD COLUMN memory_peak INTEGER;
ALTER TABLE command_actions ADD COLUMN started_at TEXT NOT NULL DEFAULT '';
CREATE INDEX command_actions_by_action ON command_actions(action, started_at, command_id);
CREATE INDEX commands_by_machine ON commands(machine, started_at);
CREATE TABLE command_entities (
    command_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    started_at TEXT NOT NULL,
    PRIMARY KEY (name, kind, started_at, command_id)
) WITHOUT ROWID;
CREATE INDEX command_entities_by_command ON command_entities(command_id);
CREATE TABLE command_index (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE command_words USING fts5(text, tokenize = 'porter unicode61');
CREATE TRIGGER command_derived_deleted AFTER DELETE ON commands BEGIN
    DELETE FROM command_entities WHERE command_id = OLD.id;
    DELETE FROM command_words
    WHERE rowid = (SELECT number FROM command_index WHERE id = OLD.id);
    DELETE FROM command_index WHERE id = OLD.id;
END;
"""
_COLUMNS = (
    "id", "command", "words", "machine", "uid", "user", "session", "decision", "rule", "profile",
    "exit_status", "ended", "started_at", "duration_usec", "cpu_usec", "memory_peak", "cwd",
    "purpose", "action", "objects", "recorded_at",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One finished command, as exec tells it; None: not known."""

    id: str
    command: str
    machine: str
    uid: int
    user: str
    started_at: str
    session: str | None = None
    decision: str | None = None
    rule: str | None = None
    profile: str | None = None
    exit_status: int | None = None
    ended: str | None = None
    duration_usec: int | None = None
    cpu_usec: int | None = None
    memory_peak: int | None = None
    """Bytes."""
    cwd: str | None = None
    purpose: str | None = None
    words: str | None = None
    """What the person had said."""


@dataclass(frozen=True)
class Filter:
    """None: whatever. Times as `moment` writes them: since ≤ started_at < until."""

    user: str | None
    uid: int | None
    """Whose rows: `me` with its uid on the host; `ai@aios` says enough in a machine."""
    since: str | None = None
    until: str | None = None
    machine: str | None = None
    action: str | None = None
    """A tag, or what it begins with: `service` is every `service-…` too."""
    object: str | None = None
    entity: str | None = None
    """Anything that the command names: an object, a host, a program."""
    ok: bool | None = None
    session: str | None = None
    text: str | None = None
    probes: bool = False
    limit: int = 50
    offset: int = 0


def moment(text: str) -> str:
    """An RFC 3339 time in UTC with microseconds, so that text sorts by time."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError("it has no offset from UTC")
        return time.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError) as error:
        raise InvalidOption(
            f"not a time: {text!r} ({error})", hint="RFC 3339, as in 2026-01-31T12:00:00Z"
        ) from error


def record(connection: sqlite3.Connection, event: Event) -> None:
    """Idempotent by id: exec tells it again when it has seen no answer."""
    with transaction(connection):
        insert(connection, event)


def insert(connection: sqlite3.Connection, event: Event) -> bool:
    """Within a transaction; False if the id is known."""
    command = command_in(event.command)
    found = tagged(command)
    said_most = main(found)
    values = {
        **asdict(event),
        "started_at": moment(event.started_at),
        "action": said_most.action,
        "objects": _text(said_most.objects),
        "recorded_at": now(),
    }
    new = connection.execute(
        f"INSERT OR IGNORE INTO commands({', '.join(_COLUMNS)})"  # noqa: S608 - names of columns
        f" VALUES ({', '.join(':' + name for name in _COLUMNS)})",
        values,
    ).rowcount
    if new:
        text = event.command if event.words is None else f"{event.command}\n{event.words}"
        _derive(connection, event.id, values["started_at"], command, text, found)
    return bool(new)


def fill(connection: sqlite3.Connection) -> None:
    """What is derived from commands, for those that an older aios has recorded."""
    rows = connection.execute("SELECT id, command, started_at FROM commands").fetchall()
    connection.execute("DELETE FROM command_actions")
    for row in rows:
        found = tagged(row["command"])
        connection.execute(
            "UPDATE commands SET action = ?, objects = ? WHERE id = ?",
            (main(found).action, _text(main(found).objects), row["id"]),
        )
        _derive(connection, row["id"], row["started_at"], row["command"], row["command"], found)


def _derive(
    connection: sqlite3.Connection,
    command_id: str,
    started_at: str,
    command: str,
    text: str,
    found: tuple[Tagged, ...],
) -> None:
    connection.executemany(
        "INSERT INTO command_actions(command_id, place, action, objects, started_at)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (command_id, place, one.action, _text(one.objects), started_at)
            for place, one in enumerate(found)
        ],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO command_entities(command_id, kind, name, started_at)"
        " VALUES (?, ?, ?, ?)",
        [(command_id, one.kind, one.name, started_at) for one in entities(command, found)],
    )
    number = connection.execute("INSERT INTO command_index(id) VALUES (?)", (command_id,)).lastrowid
    connection.execute("INSERT INTO command_words(rowid, text) VALUES (?, ?)", (number, text))


OK = "coalesce(ended, '') = 'exit' AND coalesce(exit_status, -1) = 0"
_SELECT = f"""
SELECT * FROM commands
WHERE (:user IS NULL OR user = :user) AND (:uid IS NULL OR uid = :uid)
  AND (:since IS NULL OR started_at >= :since) AND (:until IS NULL OR started_at < :until)
  AND (:machine IS NULL OR machine = :machine)
  AND (:session IS NULL OR session = :session)
  AND (:ok IS NULL OR :ok = ({OK}))
  AND (:probes OR coalesce(purpose, '') <> 'probe')
  AND (:text IS NULL OR instr(lower(command), lower(:text))
    OR instr(lower(coalesce(words, '')), lower(:text)))
  AND (:entity IS NULL OR EXISTS (
    SELECT 1 FROM command_entities AS named
    WHERE named.command_id = commands.id AND named.name IN (:entity, :entity || '.service')))
  AND ((:action IS NULL AND :object IS NULL) OR EXISTS (
    SELECT 1 FROM command_actions AS one WHERE one.command_id = commands.id
      AND (:action IS NULL OR one.action = :action OR one.action GLOB :action || '-*')
      AND (:object IS NULL OR EXISTS (
        SELECT 1 FROM json_each(one.objects) WHERE value IN (:object, :object || '.service')))))
ORDER BY started_at DESC, id DESC LIMIT :limit OFFSET :offset
"""  # noqa: S608 - no value in it


def rows(connection: sqlite3.Connection, wanted: Filter) -> list[dict[str, Any]]:
    """Newest first; what is not known is absent. With an action asked for, a row's `action` and
    `objects` are that one's: `apt install a && apt remove b` installed a alone."""
    values = {
        **asdict(wanted),
        "object": wanted.object and wanted.object.removesuffix(".service"),
        "entity": wanted.entity and wanted.entity.removesuffix(".service"),
    }
    found = connection.execute(_SELECT, values)
    return shown(connection, found, (wanted.action, f"{wanted.action}-*") if wanted.action else ())


def shown(
    connection: sqlite3.Connection, found: Iterable[sqlite3.Row], tags: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The rows as a caller gets them, up to MAX_REPLY; tags are globs."""
    kept: list[dict[str, Any]] = []
    size = 0
    for row in found:
        known = {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118
        del known["recorded_at"]
        known["objects"] = json.loads(row["objects"])
        if tags and (meant := _meant(connection, row["id"], tags)):
            known["action"], known["objects"] = meant
        size += len(row["command"])
        if kept and size > MAX_REPLY:
            break
        kept.append(known)
    return kept


def _meant(
    connection: sqlite3.Connection, command_id: str, tags: tuple[str, ...]
) -> tuple[str, list[str]] | None:
    """Of the command's tags the first that was asked for, and what that was done to."""
    matches = " OR ".join("action GLOB ?" for _ in tags)
    same = connection.execute(
        "SELECT action, objects FROM command_actions"  # noqa: S608 - question marks
        f" WHERE command_id = ? AND ({matches}) ORDER BY place",
        (command_id, *tags),
    ).fetchall()
    if not same:
        return None
    first = same[0]["action"]
    names = [name for row in same if row["action"] == first for name in json.loads(row["objects"])]
    return first, list(dict.fromkeys(names))


def _text(objects: Iterable[str]) -> str:
    return json.dumps(list(objects), ensure_ascii=False)
