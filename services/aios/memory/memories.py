"""Memories: plain text worth keeping, shared by all machines. Standard library only.

Secrets in them are struck out before they are stored. The same text twice is one memory of a
person's (`create`). Functions take an open connection and
are one transaction each, or a part of the open one.
"""

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from aios.errors import InvalidOption, NotFound
from aios.memory import entities, texts
from aios.memory import index as words_index
from aios.memory.schema import has_index, transaction
from aios.redact import redact

MAX_CONTENT = 64 * 1024
"""Bytes of UTF-8."""
MAX_ENTITIES = 64
MAX_ENTITY = 256
DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_REPLY = 4 * 1024 * 1024
"""Characters of text after which a list ends early: a bus refuses larger messages."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Source:
    """Who made a memory, where they were, and through what it came (`chat`, `import`)."""

    machine: str
    user: str
    uid: int
    session: str = ""
    source: str = ""


@dataclass(frozen=True)
class Memory:
    id: str
    content: str
    ai_interpretation: str | None
    priority_score: float | None
    created_at: str
    updated_at: str
    related_entities: tuple[str, ...]
    machine: str | None = None
    user: str | None = None
    session: str | None = None
    source: str | None = None

    def fields(self) -> dict[str, str | float | list[str]]:
        """What is known."""
        known = {name: value for name, value in vars(self).items() if value not in (None, "")}
        return {**known, "related_entities": list(self.related_entities)}


@dataclass(frozen=True)
class Draft:
    """What a caller wants kept, checked; None leaves a field as it is on update."""

    content: str
    ai_interpretation: str | None = None
    priority_score: float | None = None
    related_entities: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        content: str,
        *,
        ai_interpretation: str | None = None,
        priority_score: float | None = None,
        related_entities: list[str] | None = None,
    ) -> "Draft":
        """Scores are clamped to 0..1, secrets struck out; raises InvalidOption for what cannot
        be kept."""
        if not content.strip():
            raise InvalidOption("a memory needs some text")
        check_text("content", content)
        check_text("ai_interpretation", ai_interpretation or "")
        if priority_score is not None:
            if math.isnan(priority_score):
                raise InvalidOption("priority_score is not a number")
            priority_score = min(max(priority_score, 0.0), 1.0)
        if related_entities is not None:
            if len(related_entities) > MAX_ENTITIES:
                raise InvalidOption(f"at most {MAX_ENTITIES} related_entities")
            for entity in related_entities:
                check_text("related_entities", entity, limit=MAX_ENTITY)
        entities = None if related_entities is None else tuple(related_entities)
        meaning = None if ai_interpretation is None else redact(ai_interpretation)
        return cls(redact(content), meaning, priority_score, entities)


def check_text(name: str, text: str, *, limit: int = MAX_CONTENT) -> None:
    """Raises InvalidOption for what a database, a file or the bus could not give back as it is."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidOption(f"{name} is not Unicode text") from error
    if "\0" in text:
        raise InvalidOption(f"{name} holds a NUL character")
    if size > limit:
        raise InvalidOption(f"{name} is {size} bytes long; the most is {limit}")


def now() -> str:
    """RFC 3339, in UTC, always with microseconds: as text it sorts by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_id() -> str:
    """A ULID, where the library is not."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _entities_json(entities: tuple[str, ...] | None) -> str | None:
    return json.dumps(list(entities), ensure_ascii=False) if entities else None


def read_entities(text: str | None) -> tuple[str, ...]:
    try:
        values = json.loads(text or "[]")
    except (ValueError, TypeError, RecursionError):
        values = []  # another program's: the rest of the memory is still good
    return tuple(str(value) for value in values) if isinstance(values, list) else ()


def from_row(connection: sqlite3.Connection, row: sqlite3.Row) -> Memory:
    source = None
    if has_index(connection):
        source = connection.execute(
            "SELECT * FROM memory_sources WHERE memory_id = ?", (row["id"],)
        ).fetchone()
    return Memory(
        id=row["id"],
        content=row["content"],
        ai_interpretation=row["ai_interpretation"],
        priority_score=row["priority_score"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        related_entities=read_entities(row["related_entities"] if _has_entities(row) else None),
        machine=source["machine"] if source else None,
        user=source["user"] if source else None,
        session=source["session"] if source else None,
        source=source["source"] if source and "source" in source.keys() else None,  # noqa: SIM118
    )


def _has_entities(row: sqlite3.Row) -> bool:
    return "related_entities" in row.keys()  # noqa: SIM118 - a Row contains its values


def create(
    connection: sqlite3.Connection, memory_id: str, draft: Draft, source: Source | None = None
) -> str:
    """The memory's id: `memory_id`, or that of the same person's memory with the same text, which
    then knows the newer source and what else the draft says."""
    owner = source.user if source else ""
    with transaction(connection):
        known = texts.find(connection, owner, draft.content)
        if known is not None:
            update(connection, known, draft)
            memory_id = known
        else:
            insert(connection, memory_id, draft, owner=owner)
        if source is not None:
            put_source(connection, memory_id, source)
        index(connection)
    return memory_id


def insert(
    connection: sqlite3.Connection,
    memory_id: str,
    draft: Draft,
    *,
    owner: str = "",
    created_at: str = "",
    updated_at: str = "",
) -> bool:
    """A part of `create`, and of what brings memories with ids and times (`moment`) of their own:
    False, and nothing changed, where the id is known. `index` is the caller's to call."""
    created_at = created_at or now()
    new = connection.execute(
        "INSERT OR IGNORE INTO memories(id, content, ai_interpretation, priority_score, created_at,"
        " updated_at, related_entities) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            memory_id, draft.content, draft.ai_interpretation or None, draft.priority_score,
            created_at, updated_at or created_at, _entities_json(draft.related_entities),
        ),
    ).rowcount  # fmt: skip
    if new:
        texts.put(connection, memory_id, draft.content, owner)
    return bool(new)


def put_source(connection: sqlite3.Connection, memory_id: str, source: Source) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO memory_sources(memory_id, machine, user, uid, session, source)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            memory_id, source.machine, source.user, source.uid, source.session or None,
            source.source or None,
        ),
    )  # fmt: skip


def get(connection: sqlite3.Connection, memory_id: str) -> Memory:
    row = connection.execute("SELECT * FROM memories WHERE id = ?", (memory_id,)).fetchone()
    if row is None:
        raise NotFound(f"no memory {memory_id!r}")
    return from_row(connection, row)


def recent(connection: sqlite3.Connection, *, limit: int, offset: int) -> list[Memory]:
    """Newest first."""
    rows = connection.execute(
        "SELECT * FROM memories ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
        (limit, offset),
    )
    return bounded(connection, rows)


def bounded(connection: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> list[Memory]:
    """The rows' memories up to MAX_REPLY, at least one."""
    memories: list[Memory] = []
    size = 0
    for row in rows:
        memory = from_row(connection, row)
        size += len(memory.content) + len(memory.ai_interpretation or "")
        if memories and size > MAX_REPLY:
            break
        memories.append(memory)
    return memories


def update(connection: sqlite3.Connection, memory_id: str, draft: Draft) -> None:
    with transaction(connection):
        changed = connection.execute(
            "UPDATE memories SET content = ?, updated_at = ? WHERE id = ?",
            (draft.content, now(), memory_id),
        ).rowcount
        if not changed:
            raise NotFound(f"no memory {memory_id!r}")
        texts.changed(connection, memory_id, draft.content)
        if draft.ai_interpretation is not None:
            connection.execute(
                "UPDATE memories SET ai_interpretation = ? WHERE id = ?",
                (draft.ai_interpretation or None, memory_id),
            )
        if draft.priority_score is not None:
            connection.execute(
                "UPDATE memories SET priority_score = ? WHERE id = ?",
                (draft.priority_score, memory_id),
            )
        if draft.related_entities is not None:
            connection.execute(
                "UPDATE memories SET related_entities = ? WHERE id = ?",
                (_entities_json(draft.related_entities), memory_id),
            )
        index(connection)


def delete(connection: sqlite3.Connection, memory_id: str) -> None:
    """Overwrites it in the file (secure_delete); its words in the index are `erase`'s."""
    with transaction(connection):
        if not connection.execute("DELETE FROM memories WHERE id = ?", (memory_id,)).rowcount:
            raise NotFound(f"no memory {memory_id!r}")
        index(connection)


def index(connection: sqlite3.Connection) -> None:
    """Brings the word index and the entities up to what has changed; within a transaction."""
    changed = connection.execute("SELECT DISTINCT id FROM memory_changes").fetchall()
    for (memory_id,) in changed:
        row = connection.execute(
            "SELECT related_entities FROM memories WHERE id = ?", (memory_id,)
        ).fetchone()
        entities.put(connection, memory_id, read_entities(row[0]) if row is not None else ())
    words_index.index(connection)
