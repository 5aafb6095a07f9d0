"""The file: aigpt's tables, its own writes beside ours, versions."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aios.errors import NotFound, Unavailable
from aios.memory import memories, schema, search

COLUMNS = {
    "memories": [
        "id", "content", "ai_interpretation", "priority_score", "created_at", "updated_at",
        "related_entities",
    ],
    "user_analyses": [
        "id", "openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism",
        "summary", "analyzed_at",
    ],
    "user_profiles": ["id", "data", "last_updated"],
    "relationship_cache": ["entity_id", "data", "cached_at"],
}  # fmt: skip
MOMENT = "2025-11-06T08:30:00.123456789+00:00"


def original(path: Path, *, columns: str) -> sqlite3.Connection:
    """A database as the original makes it, with one memory."""
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE memories ({columns})")
    connection.execute(
        "INSERT INTO memories (id, content, priority_score, created_at, updated_at)"
        " VALUES ('01K9', 'likes green tea', 0.7, ?, ?)",
        (MOMENT, MOMENT),
    )
    connection.commit()
    return connection


@pytest.mark.parametrize("table", COLUMNS)
def test_columns_stand_in_the_order_of_the_original(db: sqlite3.Connection, table: str) -> None:
    rows = db.execute("SELECT name FROM pragma_table_info(?)", (table,))
    assert [row["name"] for row in rows] == COLUMNS[table]


def test_its_indexes_are_there(db: sqlite3.Connection) -> None:
    rows = db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    assert {"idx_created_at", "idx_updated_at", "idx_priority_score", "idx_analyzed_at"} <= {
        row["name"] for row in rows
    }


@pytest.mark.parametrize(
    "columns",
    [
        "id TEXT PRIMARY KEY, content TEXT NOT NULL, ai_interpretation TEXT, priority_score REAL,"
        " created_at TEXT NOT NULL, updated_at TEXT NOT NULL",
        "related_entities TEXT, updated_at TEXT NOT NULL, created_at TEXT NOT NULL,"
        " priority_score REAL, ai_interpretation TEXT, content TEXT NOT NULL, id TEXT PRIMARY KEY",
    ],
    ids=["older", "other order"],
)
def test_a_database_of_the_original_is_opened_and_found_in(path: Path, columns: str) -> None:
    original(path, columns=columns).close()
    with closing(schema.connect(path)) as db:
        (found,) = search.search(db, "tea", limit=5, offset=0)
        assert (found.id, found.created_at, found.priority_score) == ("01K9", MOMENT, 0.7)
        memories.update(db, "01K9", memories.Draft.of("likes black tea", related_entities=["tea"]))
        assert memories.get(db, "01K9").related_entities == ("tea",)
        assert memories.get(db, "01K9").created_at == MOMENT


def test_the_original_goes_on_writing(db: sqlite3.Connection, path: Path) -> None:
    memories.create(db, "01", memories.Draft.of("a red bicycle"))
    with closing(sqlite3.connect(path)) as other:
        insert = (
            "INSERT INTO memories (id, content, ai_interpretation, priority_score, created_at,"
            " updated_at, related_entities) VALUES (?, ?, NULL, 0.5, ?, ?, NULL)"
        )
        other.execute(insert, ("02", "a blue canoe", MOMENT, MOMENT))
        replace = insert.replace("INSERT", "INSERT OR REPLACE")
        other.execute(replace, ("02", "a green canoe", MOMENT, MOMENT))
        other.execute("INSERT OR FAIL INTO memories SELECT '03', content, ai_interpretation,"
                      " priority_score, created_at, updated_at, related_entities"
                      " FROM memories WHERE id = '02'")  # fmt: skip
        other.execute("UPDATE memories SET content = 'a wooden sledge' WHERE id = '01'")
        other.execute("DELETE FROM memories WHERE id = '03'")
        other.commit()

    def ids(query: str) -> list[str]:
        return [one.id for one in search.search(db, query, limit=9, offset=0)]

    assert ids("canoe") == ["02"]
    assert ids("blue") == []
    assert ids("bicycle") == []
    assert ids("sledges") == ["01"]


def test_a_vacuum_does_not_mix_the_index_up(db: sqlite3.Connection) -> None:
    for number in range(20):
        memories.create(db, str(number), memories.Draft.of(f"word{number}"))
    for number in range(0, 20, 3):
        memories.delete(db, str(number))
    db.execute("VACUUM")
    (found,) = search.search(db, "word10", limit=5, offset=0)
    assert found.content == "word10"


def test_a_file_of_the_future_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 6}")
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=rf"newer aios \(schema {schema.VERSION + 6};"):
        schema.connect(path)
    assert path.read_bytes() == before


def test_pragmas_of_the_writer(db: sqlite3.Connection) -> None:
    def pragma(name: str) -> object:
        return db.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("secure_delete") == 1
    assert pragma("busy_timeout") == 5000


def test_opening_again_changes_nothing(db: sqlite3.Connection, path: Path) -> None:
    memories.create(db, "01", memories.Draft.of("stays"))
    with closing(schema.connect(path)) as again:
        assert memories.get(again, "01").content == "stays"
        assert schema.version(again) == schema.VERSION


def test_a_file_of_the_first_version_is_brought_forward(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        first.executescript(schema.ORIGINAL + schema.ADDITIONS)
        first.execute(
            "INSERT INTO memories(id, content, created_at, updated_at) VALUES ('01', 'tea', ?, ?)",
            (MOMENT, MOMENT),
        )
        first.execute("INSERT INTO memory_sources VALUES ('01', 'aios', 'me', 1000, NULL)")
        first.execute("PRAGMA user_version = 1")
    with closing(schema.connect(path)) as db:
        assert schema.version(db) == schema.VERSION
        source = memories.Source("", "me", 1000)
        assert memories.create(db, "02", memories.Draft.of("tea"), source) == "01"
        assert search.search(db, "tea", limit=5, offset=0)[0].id == "01"


def test_a_part_is_undone_by_itself(db: sqlite3.Connection) -> None:
    with schema.transaction(db):
        memories.create(db, "01", memories.Draft.of("one"))
        with pytest.raises(NotFound):
            memories.update(db, "02", memories.Draft.of("two"))
        with pytest.raises(ZeroDivisionError), schema.transaction(db):
            memories.create(db, "03", memories.Draft.of("three"))
            raise ZeroDivisionError
        memories.create(db, "04", memories.Draft.of("four"))
    assert {one.id for one in memories.recent(db, limit=9, offset=0)} == {"01", "04"}


@pytest.mark.parametrize("before", [False, True], ids=["ours", "its own"])
def test_it_stays_valid_for_the_original(path: Path, before: bool) -> None:
    if before:
        columns = (
            "id TEXT PRIMARY KEY, content TEXT NOT NULL, ai_interpretation TEXT,"
            " priority_score REAL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,"
            " related_entities TEXT"
        )
        original(path, columns=columns).close()
    with closing(schema.connect(path)) as db:
        memories.create(db, "01", memories.Draft.of("ours"), memories.Source("m", "me", 1))
        memories.delete(db, "01")
    # Its statements, by the order of its columns where it gives no names.
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(
            "INSERT INTO memories VALUES ('02', 'green canoe', NULL, 0.5, ?, ?, NULL)",
            (MOMENT, MOMENT),
        )
        other.execute("UPDATE memories SET content = 'red canoe', updated_at = ? WHERE id = '02'",
                      (MOMENT,))  # fmt: skip
        rows = other.execute("SELECT * FROM memories WHERE content LIKE '%canoe%'").fetchall()
        assert rows == [("02", "red canoe", None, 0.5, MOMENT, MOMENT, None)]
        other.execute(
            "INSERT INTO user_analyses VALUES ('A', 0.1, 0.2, 0.3, 0.4, 0.5, 'calm', ?)", (MOMENT,)
        )
        other.execute("INSERT OR REPLACE INTO user_profiles VALUES (1, '{}', ?)", (MOMENT,))
        other.execute("INSERT OR REPLACE INTO relationship_cache VALUES ('e', '{}', ?)", (MOMENT,))
        assert other.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    with closing(schema.connect(path)) as db:
        (found,) = search.search(db, "canoe", limit=5, offset=0)
        assert (found.id, found.content) == ("02", "red canoe")
        source = memories.Source("m", "me", 1)
        assert memories.create(db, "03", memories.Draft.of("red canoe"), source) == "03"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DELETE FROM memories WHERE id IN ('02', '03')")
        left = other.execute("SELECT count(*) FROM memory_sources").fetchone()[0]
        assert left == other.execute("SELECT count(*) FROM memory_texts").fetchone()[0] - before
