"""aigpt 0.2 and 0.3: a memory.db, with its columns in any order. Standard library only."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from aios.errors import InvalidOption
from aios.memory.analyses import TRAITS
from aios.memory.importers.record import Record, derived_id, text, time
from aios.memory.memories import read_entities


def read(path: Path) -> Iterator[Record]:
    with closing(_open(path)) as connection:
        try:
            rows = connection.execute("SELECT * FROM memories")
            columns = {one[0] for one in rows.description}
            if "content" not in columns:
                raise InvalidOption(f"{path} has memories without content")
            for row in rows:
                known = {name: row[name] for name in columns}
                created = time(known.get("created_at"))
                content = text(known["content"])
                if not content.strip():
                    continue
                yield {
                    "id": text(known.get("id")) or derived_id(created, "aigpt", content),
                    "content": content,
                    "ai_interpretation": text(known.get("ai_interpretation")),
                    "priority_score": known.get("priority_score"),
                    "created_at": created,
                    "updated_at": time(known.get("updated_at")),
                    "related_entities": list(read_entities(known.get("related_entities"))),
                }
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise InvalidOption(f"{path}: {error}") from error


def analysis(path: Path) -> tuple[dict[str, float], str] | None:
    """The latest one's traits and summary."""
    with closing(_open(path)) as connection:
        try:
            row = connection.execute(
                "SELECT * FROM user_analyses ORDER BY julianday(analyzed_at) DESC LIMIT 1"
            ).fetchone()
        except (sqlite3.Error, UnicodeDecodeError):
            return None  # 0.2 had no such table
    try:
        return ({name: float(row[name]) for name in TRAITS}, text(row["summary"])) if row else None
    except (TypeError, ValueError, IndexError):
        return None  # another program's


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    return connection
