"""What of the memory a prompt is answered with: chosen, bounded. Standard library only.

The person's preferences, the commands that the prompt asks about, memories that have to do with
it, and what was done last, in this order; the budget is for all, and each kind has a share that it
cannot exceed, so that many memories leave room for what was done.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from aios.memory import answers, preferences, search
from aios.memory.answers import Whose
from aios.memory.history import Filter, rows

DEFAULT_BUDGET = 4000
"""Characters of all items."""
MAX_BUDGET = 32_000
MAX_ITEM = 400
_SHARES = {"preference": 0.3, "asked": 0.6, "memory": 0.5, "recent": 0.4}
_ASKED, _MEMORIES, _RECENT = 10, 8, 8


@dataclass(frozen=True, slots=True)
class Item:
    kind: str
    """preference, asked (a command that the prompt is about), memory or recent (a command)."""
    id: str
    """Of the memory or the command; "" for a preference that was shown."""
    text: str
    at: str = ""
    """RFC 3339, UTC."""


def gather(
    connection: sqlite3.Connection,
    prompt: str,
    *,
    user: str,
    uid: int | None,
    now: datetime,
    zone: tzinfo,
    budget: int = DEFAULT_BUDGET,
) -> list[Item]:
    """At most `budget` characters of text; what is cut off ends in `…`."""
    left = budget
    room = {kind: int(share * budget) for kind, share in _SHARES.items()}
    found: list[Item] = []
    seen: set[str] = set()
    for item in _candidates(connection, prompt, user, uid, now, zone):
        size = len(item.text)
        if (item.id and item.id in seen) or size > min(left, room[item.kind]):
            continue
        seen.add(item.id)
        left -= size
        room[item.kind] -= size
        found.append(item)
    return found


def _candidates(
    connection: sqlite3.Connection,
    prompt: str,
    user: str,
    uid: int | None,
    now: datetime,
    zone: tzinfo,
) -> Iterator[Item]:
    for one in preferences.of(connection, user):
        yield Item("preference", one.memory_id, _cut(f"{one.topic}: {one.value} ({one.text})"))
    question = answers.read(connection, prompt, now, zone)
    if question is not None:
        asked = answers.answer(connection, question, _ASKED, Whose(user, uid))
        yield from (_command("asked", row, zone) for row in answers.exact(asked))
    gone = preferences.superseded(connection)
    for memory in search.search(connection, prompt, limit=_MEMORIES, offset=0):
        if memory.id not in gone:
            yield Item("memory", memory.id, _cut(memory.content), memory.created_at)
    for row in rows(connection, Filter(user=user, uid=uid, limit=_RECENT)):
        yield _command("recent", row, zone)


def _command(kind: str, row: dict[str, object], zone: tzinfo) -> Item:
    started = datetime.fromisoformat(str(row["started_at"])).astimezone(zone)
    ended = f"exit {row['exit_status']}" if "exit_status" in row else str(row.get("ended", "?"))
    text = f"{started:%a %Y-%m-%d %H:%M} {row['machine']}, {ended}: {row['command']}"
    return Item(kind, str(row["id"]), _cut(text), str(row["started_at"]))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_ITEM else line[: MAX_ITEM - 1] + "…"
