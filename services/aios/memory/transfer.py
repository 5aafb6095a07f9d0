"""Everything of a person's, or everybody's, as records that another memory takes in: ids and times
stay, and a record that is known is left as it is. Standard library only.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from sqlite3 import Connection, Row
from typing import Any

from aios.errors import InvalidOption
from aios.memory import memories
from aios.memory.history import Event, moment
from aios.memory.memories import MAX_CONTENT, MAX_ENTITY, MAX_REPLY, Draft, Source, check_text

MEMORY = "memory"
COMMAND = "command"
_TEXTS = ("id", "content", "ai_interpretation", "created_at", "updated_at", "machine", "user",
          "session", "source")  # fmt: skip
_LONG = ("content", "ai_interpretation")


def export(
    connection: Connection,
    *,
    kind: str,
    user: str | None,
    uid: int | None,
    after: str,
    limit: int,
) -> list[dict[str, Any]]:
    """The next records of a kind by id, up to `limit` or MAX_REPLY. `user` None: everybody's."""
    table = "memories LEFT JOIN memory_sources ON memory_id = id" if kind == MEMORY else "commands"
    rows = connection.execute(
        f"SELECT * FROM {table} WHERE id > :after AND (:user IS NULL OR user = :user)"  # noqa: S608
        " AND (:uid IS NULL OR uid = :uid) ORDER BY id LIMIT :limit",
        {"after": after, "user": user, "uid": uid, "limit": limit},
    )
    found: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        record = _memory(connection, row) if kind == MEMORY else _command(row)
        size += len(record.get("content") or record["command"])
        if found and size > MAX_REPLY:
            break
        found.append({"kind": kind, **record})
    return found


def _memory(connection: Connection, row: Row) -> dict[str, Any]:
    uid = {} if row["uid"] is None else {"uid": row["uid"]}
    return {**memories.from_row(connection, row).fields(), **uid}


def _command(row: Row) -> dict[str, Any]:
    names = [one.name for one in fields(Event)]
    return {name: row[name] for name in names if row[name] is not None}


def memory(record: Mapping[str, Any], owner: Source | None) -> Callable[[Connection], bool]:
    """Takes it in, and says whether it was new. `owner`: whose it is, whatever the record says;
    None: as it says. Raises InvalidOption."""
    for name in _TEXTS:
        if not isinstance(record.get(name), str | None):
            raise InvalidOption(f"{name} is no text: {record[name]!r}")
    told = {name: record.get(name) or "" for name in _TEXTS}
    for name, text in told.items():
        check_text(name, text, limit=MAX_CONTENT if name in _LONG else MAX_ENTITY)
    if not told["id"]:
        raise InvalidOption("a memory has an id")
    score, entities = record.get("priority_score"), record.get("related_entities")
    if not isinstance(score, int | float | None) or not isinstance(entities, list | None):
        raise InvalidOption("priority_score is a number, related_entities a list")
    draft = Draft.of(
        told["content"],
        ai_interpretation=told["ai_interpretation"] or None,
        priority_score=score,
        related_entities=None if entities is None else [str(one) for one in entities],
    )
    created = moment(told["created_at"]) if told["created_at"] else ""
    updated = moment(told["updated_at"]) if told["updated_at"] else created
    source = owner
    if source is None and told["user"]:
        uid = record.get("uid", 0)
        if not isinstance(uid, int) or not 0 <= uid < 2**32:
            raise InvalidOption(f"uid is a number: {uid!r}")
        source = Source(told["machine"], told["user"], uid, told["session"], told["source"])
    return partial(_put, told["id"], draft, source, created, updated)


def _put(
    memory_id: str,
    draft: Draft,
    source: Source | None,
    created: str,
    updated: str,
    connection: Connection,
) -> bool:
    user = source.user if source else ""
    new = memories.insert(
        connection, memory_id, draft, owner=user, created_at=created, updated_at=updated
    )
    if new and source is not None:
        memories.put_source(connection, memory_id, source)
    return new
