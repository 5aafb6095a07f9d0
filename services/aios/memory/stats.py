"""How much there is. Standard library only."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aios.memory import backup, schema


def stats(connection: sqlite3.Connection) -> dict[str, Any]:
    """Counts and times; what there is none of is absent."""
    row = connection.execute(
        "SELECT count(*) AS memories, count(ai_interpretation) AS interpreted,"
        " count(priority_score) AS scored, min(created_at) AS oldest, max(created_at) AS newest,"
        " (SELECT count(*) FROM commands) AS commands FROM memories"
    ).fetchone()
    told = {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118
    return {**told, "schema": schema.version(connection)}


def files(database: Path, directory: Path) -> dict[str, Any]:
    """Bytes of the database and of its WAL, and the last backup."""
    wal = database.with_name(f"{database.name}-wal")
    told: dict[str, Any] = {
        "path": str(database),
        "bytes": database.stat().st_size,
        "wal_bytes": wal.stat().st_size if wal.exists() else 0,
    }
    made = backups(directory)
    return {**told, "backups": len(made), **({"last_backup": made[0]["name"]} if made else {})}


def backups(directory: Path) -> list[dict[str, Any]]:
    """The newest first; those of snapshots after the others."""
    found = [*backup.every(directory), *backup.of_snapshots(directory)]
    return [
        {
            "name": path.name,
            "path": str(path),
            "bytes": path.stat().st_size,
            "created_at": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(),
        }
        for path in found
    ]
