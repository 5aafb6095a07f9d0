"""The word index of memories, kept up to date within the transaction of whoever writes.

Beside a memory's own words stand those of the two before and the two after it in the same
conversation (`near`): a question is often put in the words of the turn that was answered. So a new
turn changes the rows of four others at most. Words are stems (`words.stems`), a space between any
two, so FTS5 needs no more than its plainest tokenizer. Standard library only.
"""

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from aios.memory.words import QUESTION_WORDS, stems

SCHEMA = """
DROP TABLE memory_words;
DROP TABLE memory_index;
CREATE TABLE memory_index (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX memory_index_by_conversation ON memory_index(conversation, created_at)
WHERE conversation IS NOT NULL;
CREATE VIRTUAL TABLE memory_words USING fts5(
    speaker, content, near, tokenize = 'ascii', detail = column
);
DELETE FROM memory_changes;
INSERT INTO memory_changes(id) SELECT id FROM memories;
"""
SINCE = 2
"""The version of the database."""
REACH = 2
PAUSE_SECONDS = 12 * 3600
"""After which a turn has nothing to do with the one before, whatever their session is called."""
MAX_NEAR = 2000
"""Characters of one neighbour's words that count."""

_SPEAKER = re.compile(
    r"\s*(?P<name>[^\W\d_a-z][\w.'\u2019-]*(?: [^\W\d_a-z][\w.'\u2019-]*){0,2}): ", re.UNICODE
)


@dataclass(frozen=True, slots=True)
class _Place:
    number: int
    conversation: str
    created_at: str


def speaker(content: str) -> str:
    """Whose turn it is, if it begins as turns do: "Ann: Good morning"."""
    match = _SPEAKER.match(content)
    return match["name"] if match else ""


def index(connection: sqlite3.Connection) -> None:
    """Brings the index up to `memory_changes`; within a transaction."""
    changed = [row[0] for row in connection.execute("SELECT DISTINCT id FROM memory_changes")]
    touched: dict[int, _Place] = {}
    fresh: dict[int, tuple[str, str]] = {}
    for memory_id in changed:
        _remove(connection, memory_id, touched)
    for memory_id in changed:
        if (place := _enter(connection, memory_id, fresh)) is not None:
            touched[place.number] = place
            touched |= {one.number: one for one in _around(connection, place)}
    _write(connection, touched, fresh)
    connection.execute("DELETE FROM memory_changes")


def _remove(connection: sqlite3.Connection, memory_id: str, touched: dict[int, _Place]) -> None:
    row = connection.execute("SELECT * FROM memory_index WHERE id = ?", (memory_id,)).fetchone()
    if row is None:
        return
    number = int(row["number"])
    if row["conversation"] is not None:
        gone = _Place(number, row["conversation"], row["created_at"])
        touched |= {one.number: one for one in _around(connection, gone)}
    touched.pop(number, None)
    connection.execute("DELETE FROM memory_words WHERE rowid = ?", (number,))
    connection.execute("DELETE FROM memory_index WHERE number = ?", (number,))


def _enter(
    connection: sqlite3.Connection, memory_id: str, fresh: dict[int, tuple[str, str]]
) -> _Place | None:
    """Its place in a conversation, if it has one."""
    row = connection.execute(
        "SELECT memories.*, session FROM memories"
        " LEFT JOIN memory_sources ON memory_id = memories.id WHERE memories.id = ?",
        (memory_id,),
    ).fetchone()
    if row is None:
        return None
    name = speaker(row["content"])
    conversation = row["session"] or ("" if name else None)
    number = connection.execute(
        "INSERT INTO memory_index(id, conversation, created_at) VALUES (?, ?, ?)",
        (memory_id, conversation, row["created_at"]),
    ).lastrowid
    assert number is not None  # noqa: S101 - of an INSERT that was done
    said = row["content"].split(":", 1)[1] if name else row["content"]
    about = row["related_entities"] if "related_entities" in row.keys() else ""  # noqa: SIM118
    text = f"{said}\n{row['ai_interpretation'] or ''}\n{_names(about)}"
    fresh[number] = " ".join(stems(name)), " ".join(stems(text))
    return None if conversation is None else _Place(number, conversation, row["created_at"])


def _names(entities: str | None) -> str:
    """A JSON array's words: escapes are the only thing in it that would not read as text."""
    from aios.memory.memories import read_entities

    return " ".join(read_entities(entities))


def _around(connection: sqlite3.Connection, place: _Place) -> list[_Place]:
    """The neighbours, nearest first on each side."""
    found: list[_Place] = []
    for sign, direction in (("<", "DESC"), (">", "ASC")):
        last = place
        for number, created_at in connection.execute(
            "SELECT number, created_at FROM memory_index"  # noqa: S608 - two fixed texts
            f" WHERE conversation = ? AND (created_at, number) {sign} (?, ?)"
            f" ORDER BY created_at {direction}, number {direction} LIMIT {REACH}",
            (place.conversation, place.created_at, place.number),
        ):
            one = _Place(number, place.conversation, created_at)
            if _seconds(last.created_at, one.created_at) > PAUSE_SECONDS:
                break
            found.append(one)
            last = one
    return found


def _seconds(one: str, other: str) -> float:
    """Between two times of another program's too: what is none is far from everything else."""
    if one == other:
        return 0.0
    try:
        return abs((datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds())
    except (TypeError, ValueError):
        return float("inf")


def _write(
    connection: sqlite3.Connection, touched: dict[int, _Place], fresh: dict[int, tuple[str, str]]
) -> None:
    known = dict(fresh)

    def words(number: int) -> tuple[str, str]:
        if number not in known:
            row = connection.execute(
                "SELECT speaker, content FROM memory_words WHERE rowid = ?", (number,)
            ).fetchone()
            known[number] = (row[0], row[1]) if row is not None else ("", "")
        return known[number]

    def near(number: int) -> str:
        if number not in touched:
            return ""
        said: dict[str, None] = {}
        for one in _around(connection, touched[number]):
            name, content = words(one.number)
            said |= dict.fromkeys([*name.split(), *content[:MAX_NEAR].split()])
        own = {*words(number)[0].split(), *words(number)[1].split()}
        return " ".join(word for word in said if word not in own and word not in QUESTION_WORDS)

    connection.executemany(
        "UPDATE memory_words SET near = ? WHERE rowid = ?",
        [(near(number), number) for number in touched if number not in fresh],
    )
    connection.executemany(
        "INSERT INTO memory_words(rowid, speaker, content, near) VALUES (?, ?, ?, ?)",
        [(number, name, content, near(number)) for number, (name, content) in fresh.items()],
    )
