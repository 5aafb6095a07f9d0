"""Many records and many questions, a JSON object a line. Standard library only.

In: `{"id", "content", "created_at", "session"?}`, and with `"kind": "command"` also `machine` and
`exit_status`; what is not given is made. Questions: `{"id", "query", "now"?}`, answered in their
order by `{"id", "memories": [{"id", "score", …}]}`.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aios.errors import InvalidOption
from aios.memory import answers, history, memories, search
from aios.memory.history import Event, moment
from aios.memory.memories import Draft, Source, check_text, index, new_id
from aios.memory.schema import transaction
from aios.options import STRINGS, Options
from aios.redact import redact

CHUNK = 5000
CACHE_KIB = 65_536
"""With SQLite's 2 MiB, most of what an import of a million takes is reading pages again."""
COMMAND = "command"
_KNOWN: Mapping[str, type | tuple[str, str]] = {
    "kind": str, "id": str, "content": str, "ai_interpretation": str, "priority_score": float,
    "related_entities": STRINGS, "created_at": str, "user": str, "machine": str, "session": str,
    "command": str, "exit_status": int, "cwd": str,
}  # fmt: skip
_NAMES = frozenset({"id", "user", "machine", "session", "command", "cwd"})
"""Texts that Draft does not look at."""
_MAX_INTEGER = 2**63 - 1
_COUNT = ("memories", "commands", "known")


def import_lines(connection: sqlite3.Connection, lines: Iterable[str]) -> dict[str, int]:
    """How many were new, and how many known by their id. Lines before one that is not understood
    (InvalidOption names it) are kept."""
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    counted = dict.fromkeys(_COUNT, 0)
    numbered = ((place, line) for place, line in enumerate(lines, 1) if line.strip())
    while chunk := list(islice(numbered, CHUNK)):
        records = [(place, _object(place, line)) for place, line in chunk]
        with transaction(connection):
            for place, record in records:
                try:
                    counted[_import(connection, record)] += 1
                except InvalidOption as error:
                    raise InvalidOption(f"line {place}: {error}") from error
            index(connection)
    return counted


def _object(place: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"line {place} is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise InvalidOption(f"line {place} is not a JSON object")
    return record


def _checked(record: Mapping[str, Any]) -> dict[str, Any]:
    """What we know of it, of the right types. Raises InvalidOption."""
    known = {name: record[name] for name in _KNOWN if record.get(name) is not None}
    if "id" in known:
        known["id"] = str(known["id"])
    Options(known, _KNOWN)
    for name in _NAMES & known.keys():
        check_text(name, known[name])
    if not -_MAX_INTEGER <= known.get("exit_status", 0) <= _MAX_INTEGER:
        raise InvalidOption(f"exit_status is out of range: {known['exit_status']}")
    return known


def _import(connection: sqlite3.Connection, told: Mapping[str, Any]) -> str:
    record = _checked(told)
    if record.get("kind") == COMMAND:
        return _import_command(connection, record)
    draft = Draft.of(
        record.get("content", ""),
        ai_interpretation=record.get("ai_interpretation"),
        priority_score=record.get("priority_score"),
        related_entities=record.get("related_entities"),
    )
    created = moment(record["created_at"]) if record.get("created_at") else memories.now()
    memory_id = record.get("id") or new_id()
    owner = record.get("user", "")
    if not memories.insert(connection, memory_id, draft, owner=owner, created_at=created):
        return "known"
    if record.get("session") or record.get("machine"):
        machine, session = record.get("machine", ""), record.get("session", "")
        memories.put_source(
            connection, memory_id, Source(machine, owner, os.getuid(), session, "import")
        )
    return "memories"


def _import_command(connection: sqlite3.Connection, record: Mapping[str, Any]) -> str:
    status = record.get("exit_status")
    command = record.get("command") or record.get("content", "")
    check_text("command", command)
    event = Event(
        id=record.get("id") or new_id(),
        command=redact(command),
        machine=record.get("machine", ""),
        uid=os.getuid(),
        user=record.get("user", ""),
        started_at=record.get("created_at") or memories.now(),
        session=record.get("session"),
        exit_status=status,
        ended="exit" if status is not None else None,
        cwd=record.get("cwd"),
    )
    return "commands" if history.insert(connection, event) else "known"


def search_lines(
    connection: sqlite3.Connection, lines: Iterable[str], *, limit: int
) -> Iterator[dict[str, Any]]:
    """An answer a question; raises InvalidOption for a line that is none."""
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        question = _object(place, line)
        query = question.get("query")
        if not isinstance(query, str):
            raise InvalidOption(f"line {place} has no query")
        try:
            now = datetime.fromisoformat(str(question.get("now") or memories.now()))
        except ValueError as error:
            raise InvalidOption(f"line {place}: now is no time: {error}") from error
        found = _answers(connection, query, now if now.tzinfo else now.replace(tzinfo=UTC), limit)
        yield {"id": question.get("id"), "memories": found}


def _answers(
    connection: sqlite3.Connection, query: str, now: datetime, limit: int
) -> list[dict[str, Any]]:
    """A question about commands has those first that are just what it asks for, then memories, then
    the commands that are near it; anything else, and what names who speaks in a memory, memories,
    then commands by their words."""
    asked = answers.read(connection, query, now, now.tzinfo or UTC)
    commands = answers.answer(connection, asked, limit) if asked else []
    exact = [one for one in commands if one.exact]
    if exact and search.names_speaker(connection, query):
        exact = []
    found = [_command(one.row) for one in exact]
    if len(found) < limit:
        told = search.search(connection, query, limit=limit - len(found), offset=0, now=now)
        found += [{"kind": "memory", **memory.fields()} for memory in told]
    if len(found) < limit:
        known = {one["id"] for one in found}
        near = [one for one in commands if one.row["id"] not in known]
        near = near or answers.by_text(connection, query, limit)
        found += [_command(one.row) for one in near if one.row["id"] not in known]
    return [
        {"id": one.pop("id"), "score": round(1 / rank, 4), **one}
        for rank, one in enumerate(found[:limit], 1)
    ]


def _command(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": COMMAND, **row}
