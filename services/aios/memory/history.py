"""What was done: one row per command, told by exec, with its actions read from the command."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from aios.errors import InvalidOption
from aios.memory.memories import MAX_REPLY, now
from aios.memory.schema import transaction

OTHER = "other"
MINOR = ("write", "refresh", "read", OTHER)
"""Actions that say less about a command than any other does, and less and less."""


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
    cwd: str | None = None
    purpose: str | None = None


@dataclass(frozen=True)
class Tagged:
    """One thing that a command does: what, and to which packages, units, files."""

    action: str
    objects: tuple[str, ...] = ()


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
    object: str | None = None
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


def record(connection: sqlite3.Connection, event: Event, actions: Sequence[Tagged]) -> None:
    """Idempotent by id: exec tells it again when it has seen no answer."""
    with transaction(connection):
        insert(connection, event, actions)


def insert(connection: sqlite3.Connection, event: Event, actions: Sequence[Tagged]) -> bool:
    """Within a transaction; False if the id is known."""
    tagged = actions or [Tagged(OTHER)]
    main = min(tagged, key=lambda one: MINOR.index(one.action) if one.action in MINOR else -1)
    values = {
        **asdict(event),
        "started_at": moment(event.started_at),
        "action": main.action,
        "objects": _text(main.objects),
        "recorded_at": now(),
    }
    new = connection.execute(
        "INSERT OR IGNORE INTO commands(id, command, machine, uid, user, session, decision,"
        " rule, profile, exit_status, ended, started_at, duration_usec, cpu_usec, cwd, purpose,"
        " action, objects, recorded_at) VALUES (:id, :command, :machine, :uid, :user, :session,"
        " :decision, :rule, :profile, :exit_status, :ended, :started_at, :duration_usec,"
        " :cpu_usec, :cwd, :purpose, :action, :objects, :recorded_at)",
        values,
    ).rowcount
    if new:
        connection.executemany(
            "INSERT INTO command_actions(command_id, place, action, objects) VALUES (?, ?, ?, ?)",
            [(event.id, place, one.action, _text(one.objects)) for place, one in enumerate(tagged)],
        )
    return bool(new)


_SELECT = """
SELECT * FROM commands
WHERE (:user IS NULL OR user = :user) AND (:uid IS NULL OR uid = :uid)
  AND (:since IS NULL OR started_at >= :since) AND (:until IS NULL OR started_at < :until)
  AND (:machine IS NULL OR machine = :machine)
  AND (:session IS NULL OR session = :session)
  AND (:ok IS NULL OR :ok = (coalesce(ended, '') = 'exit' AND coalesce(exit_status, -1) = 0))
  AND (:probes OR coalesce(purpose, '') <> 'probe')
  AND (:text IS NULL OR instr(lower(command), lower(:text)))
  AND ((:action IS NULL AND :object IS NULL) OR EXISTS (
    SELECT 1 FROM command_actions AS one WHERE one.command_id = commands.id
      AND (:action IS NULL OR one.action = :action)
      AND (:object IS NULL OR EXISTS (
        SELECT 1 FROM json_each(one.objects) WHERE value IN (:object, :object || '.service')))))
ORDER BY started_at DESC, id DESC LIMIT :limit OFFSET :offset
"""


def rows(connection: sqlite3.Connection, wanted: Filter) -> list[dict[str, Any]]:
    """Newest first; what is not known is absent. With an action asked for, a row's `action` and
    `objects` are that one's: `apt install a && apt remove b` installed a alone."""
    found: list[dict[str, Any]] = []
    size = 0
    values = {**asdict(wanted), "object": wanted.object and wanted.object.removesuffix(".service")}
    for row in connection.execute(_SELECT, values):
        known = {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118
        del known["recorded_at"]
        if wanted.action is not None:
            known["action"] = wanted.action
            known["objects"] = _objects(connection, row["id"], wanted.action)
        else:
            known["objects"] = json.loads(row["objects"])
        size += len(row["command"])
        if found and size > MAX_REPLY:
            break
        found.append(known)
    return found


def _objects(connection: sqlite3.Connection, command_id: str, action: str) -> list[str]:
    same = connection.execute(
        "SELECT objects FROM command_actions WHERE command_id = ? AND action = ? ORDER BY place",
        (command_id, action),
    )
    return list(dict.fromkeys(name for row in same for name in json.loads(row["objects"])))


def _text(objects: Sequence[str]) -> str:
    return json.dumps(list(objects), ensure_ascii=False)
