"""Finding memories by words. Standard library only.

A query is never SQL's or FTS5's: it is cut into words, each quoted; any of them may match, the
best matches (bm25) come first. `%`, `_`, `*` and `"` mean nothing. Where no word matches, the query
is looked for as it is.
"""

import sqlite3

from aios.memory.memories import Memory, bounded, check_text, index
from aios.memory.schema import has_index, transaction
from aios.memory.words import fold, match, terms


def search(connection: sqlite3.Connection, query: str, *, limit: int, offset: int) -> list[Memory]:
    """Best first. Raises InvalidOption for a query that is no text."""
    check_text("query", query)
    wanted = terms(query)
    ids: list[str] = []
    if wanted and is_indexed(connection):
        ids = by_words(connection, wanted, limit + offset)
    elif wanted:
        ids = scan(connection, wanted)
    if not ids and query.strip():
        ids = scan(connection, [fold(query.strip())])
    found = (
        connection.execute("SELECT * FROM memories WHERE id = ?", (memory_id,)).fetchone()
        for memory_id in ids[offset : offset + limit]
    )
    return bounded(connection, (row for row in found if row is not None))


def is_indexed(connection: sqlite3.Connection) -> bool:
    """Whether the word index is there and knows everything, which it is told here first."""
    if not has_index(connection):
        return False
    (pending,) = connection.execute("SELECT EXISTS (SELECT 1 FROM memory_changes)").fetchone()
    if not pending:
        return True
    try:
        with transaction(connection):
            index(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        return False  # only the owner of the file brings its index up to date
    return True


def by_words(connection: sqlite3.Connection, wanted: list[str], limit: int) -> list[str]:
    rows = connection.execute(
        "SELECT memory_index.id FROM memory_words"
        " JOIN memory_index ON memory_index.number = memory_words.rowid"
        " WHERE memory_words MATCH ? ORDER BY rank, memory_words.rowid DESC LIMIT ?",
        (match(wanted), limit),
    )
    return [row["id"] for row in rows]


def scan(connection: sqlite3.Connection, needles: list[str]) -> list[str]:
    """Ids of the memories whose text holds any of the needles, most first, then the newest."""
    scores: dict[str, int] = {}
    for row in connection.execute("SELECT * FROM memories ORDER BY created_at DESC, id DESC"):
        text = fold(f"{row['content']}\n{row['ai_interpretation'] or ''}")
        if score := sum(needle in text for needle in needles):
            scores[row["id"]] = score
    return sorted(scores, key=lambda memory_id: -scores[memory_id])
