"""Which memories name whom or what: `related_entities`, turned round. Standard library only.

Written with the word index (`memories.index`), so that what an original aigpt wrote gets in too.
"""

import sqlite3
from collections.abc import Iterable

SCHEMA = """
CREATE TABLE memory_entities (
    entity TEXT NOT NULL,
    memory_id TEXT NOT NULL,
    PRIMARY KEY (entity, memory_id)
) WITHOUT ROWID;
CREATE INDEX memory_entities_by_memory ON memory_entities(memory_id);
CREATE TRIGGER memory_entities_deleted AFTER DELETE ON memories BEGIN
    DELETE FROM memory_entities WHERE memory_id = OLD.id;
END;
"""
SINCE = 2
"""The schema's version that has this table."""


def put(connection: sqlite3.Connection, memory_id: str, entities: Iterable[str]) -> None:
    """All that the memory names, within a transaction."""
    connection.execute("DELETE FROM memory_entities WHERE memory_id = ?", (memory_id,))
    connection.executemany(
        "INSERT OR IGNORE INTO memory_entities(entity, memory_id) VALUES (?, ?)",
        ((entity, memory_id) for entity in entities),
    )


def fill(connection: sqlite3.Connection) -> None:
    """From memories that were there before this table."""
    # Here, because it imports this module.
    from aios.memory.memories import read_entities

    named = connection.execute(
        "SELECT id, related_entities FROM memories WHERE related_entities IS NOT NULL"
    ).fetchall()
    for row in named:
        put(connection, row["id"], read_entities(row["related_entities"]))
