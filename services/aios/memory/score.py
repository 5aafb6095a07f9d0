"""Layer 2 without an AI: a priority made of four parts, 0 to 0.25 each. Standard library only.

It is worked out when a memory is looked at and never stored: `priority_score` is an AI's or a
person's, and the formulas of layers 3.5 and 4 count only those. An AI's score is left alone.
"""

import math
import sqlite3
from datetime import UTC, datetime
from typing import Any

from aios.memory.memories import Memory
from aios.memory.schema import version
from aios.memory.words import asked, match

PART = 0.25
SCHEMA = """
CREATE TABLE memory_uses (
    memory_id TEXT PRIMARY KEY,
    uses INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER memory_uses_deleted AFTER DELETE ON memories BEGIN
    DELETE FROM memory_uses WHERE memory_id = OLD.id;
END;
"""
SINCE = 2
"""The schema's version that has this table."""

_HALF_LIFE_DAYS = 30.0
_USES_FOR_MOST = 16
_ALIKE = 5
"""So many of the most alike earlier memories are compared word by word."""
_TERMS = 12
_DAY = 86400.0
_MARKED = """
    important remember always never must critical urgent crucial essential password birthday
    deadline allergic allergy emergency 重要 大事 必ず 忘れ 絶対 緊急 締切
"""
_MARKS = _MARKED.split()


def used(connection: sqlite3.Connection, memory_id: str) -> None:
    """Somebody has read it, by its id."""
    connection.execute(
        "INSERT INTO memory_uses(memory_id, uses) SELECT id, 1 FROM memories WHERE id = ?"
        " ON CONFLICT(memory_id) DO UPDATE SET uses = uses + 1",
        (memory_id,),
    )


def fields(connection: sqlite3.Connection, memory: Memory) -> dict[str, Any]:
    """The memory's fields; without a score of its own with one from here and its `score_parts`."""
    if memory.priority_score is not None:
        return memory.fields()
    parts = {
        "novelty": _novelty(connection, memory),
        "use": _use(connection, memory.id),
        "recency": _recency(memory.created_at),
        "importance": _importance(memory),
    }
    rounded = {name: round(min(max(part, 0.0), 1.0) * PART, 4) for name, part in parts.items()}
    return {
        **memory.fields(),
        "priority_score": round(sum(rounded.values()), 4),
        "score_parts": rounded,
    }


def _novelty(connection: sqlite3.Connection, memory: Memory) -> float:
    """How little of its words the most alike earlier memory shares (Jaccard)."""
    own = set(asked(memory.content))
    if not own or version(connection) < SINCE:
        return 1.0
    # The longest words are mostly the rarest, and cheap to look up.
    wanted = sorted(own, key=lambda word: (-len(word), word))[:_TERMS]
    alike = connection.execute(
        "SELECT memories.content FROM memory_words"
        " JOIN memory_index ON memory_index.number = memory_words.rowid"
        " JOIN memories ON memories.id = memory_index.id"
        " WHERE memory_words MATCH ? AND memories.created_at <= ? AND memories.id <> ?"
        " ORDER BY rank LIMIT ?",
        (f"content : ({match(wanted)})", memory.created_at, memory.id, _ALIKE),
    )
    most = 0.0
    for row in alike:
        other = set(asked(row["content"]))
        most = max(most, len(own & other) / len(own | other))
    return 1.0 - most


def _use(connection: sqlite3.Connection, memory_id: str) -> float:
    if version(connection) < SINCE:
        return 0.0
    row = connection.execute(
        "SELECT uses FROM memory_uses WHERE memory_id = ?", (memory_id,)
    ).fetchone()
    return math.log1p(row["uses"]) / math.log1p(_USES_FOR_MOST) if row else 0.0


def _recency(created_at: str) -> float:
    """Halved each month."""
    try:
        created = datetime.fromisoformat(created_at)
    except ValueError:
        return 0.0
    if created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    days = max((datetime.now(UTC) - created).total_seconds() / _DAY, 0.0)
    return float(0.5 ** (days / _HALF_LIFE_DAYS))


def _importance(memory: Memory) -> float:
    """What says itself that it matters: a word for it (half), an interpretation, a name."""
    text = f"{memory.content} {memory.ai_interpretation or ''}".casefold()
    marked = 0.5 if any(mark in text for mark in _MARKS) else 0.0
    interpreted = 0.25 if memory.ai_interpretation else 0.0
    return marked + interpreted + (0.25 if memory.related_entities else 0.0)
