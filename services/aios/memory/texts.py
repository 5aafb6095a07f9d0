"""The same text twice is one memory of a person's. Standard library only."""

import hashlib
import sqlite3


def digest(content: str) -> bytes:
    return hashlib.sha256(content.encode(errors="surrogatepass")).digest()[:16]


def find(connection: sqlite3.Connection, owner: str, content: str) -> str | None:
    """The id of the owner's memory that says just this."""
    row = connection.execute(
        "SELECT memories.id FROM memory_texts JOIN memories ON memories.id = memory_id"
        " WHERE hash = ? AND owner = ? AND content = ? ORDER BY memories.created_at LIMIT 1",
        (digest(content), owner, content),
    ).fetchone()
    return None if row is None else str(row["id"])


def put(connection: sqlite3.Connection, memory_id: str, content: str, owner: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO memory_texts(memory_id, owner, hash) VALUES (?, ?, ?)",
        (memory_id, owner, digest(content)),
    )


def changed(connection: sqlite3.Connection, memory_id: str, content: str) -> None:
    """The memory says this now; whose it is stays."""
    connection.execute(
        "UPDATE memory_texts SET hash = ? WHERE memory_id = ?", (digest(content), memory_id)
    )


def fill(connection: sqlite3.Connection) -> None:
    """For the memories that are there already."""
    for row in connection.execute(
        "SELECT id, content, coalesce(user, '') AS owner FROM memories"
        " LEFT JOIN memory_sources ON memory_id = id"
    ).fetchall():
        put(connection, row["id"], row["content"], row["owner"])
