"""Turns of conversations, found by their neighbours and by who speaks."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from aios.memory import batch, memories, search
from aios.memory.index import speaker
from aios.memory.ranking import Weights

START = datetime(2024, 3, 2, 10, tzinfo=UTC)
TURNS = (
    "Hanna: I rented an allotment behind the station.",
    "Piet: What will you grow there?",
    "Hanna: Leeks and dahlias.",
    "Piet: My grandmother fought slugs with eggshells.",
    "Hanna: I will try that.",
    "Piet: Tell me how it goes.",
)


def lines(turns: Sequence[str], *, session: str = "s", minutes: int = 1) -> list[str]:
    return [
        json.dumps(
            {
                "id": f"{session}{place}", "session": session, "content": turn,
                "created_at": (START + timedelta(minutes=minutes * place)).isoformat(),
            }
        )
        for place, turn in enumerate(turns)
    ]  # fmt: skip


def rows(db: sqlite3.Connection) -> list[tuple[str, str, str, set[str]]]:
    found = db.execute(
        "SELECT id, speaker, content, near FROM memory_words"
        " JOIN memory_index ON number = memory_words.rowid ORDER BY id"
    )
    return [(row[0], row[1], row[2], set(row[3].split())) for row in found]


def ids(db: sqlite3.Connection, query: str, **options: datetime | Weights) -> list[str]:
    found = search.search(db, query, limit=50, offset=0, **options)  # type: ignore[arg-type]
    return [one.id for one in found]


def near(db: sqlite3.Connection, memory_id: str) -> set[str]:
    return next(row[3] for row in rows(db) if row[0] == memory_id)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Hanna: hello", "Hanna"),
        ("Mary Ann O'Neil: hello", "Mary Ann O'Neil"),
        ("I think: therefore", ""),
        ("http://example.org is down", ""),
        ("12:30 is late", ""),
        ("No turn at all", ""),
    ],
)
def test_who_speaks(content: str, name: str) -> None:
    assert speaker(content) == name


def test_one_by_one_is_as_all_at_once(db: sqlite3.Connection) -> None:
    for place in (3, 0, 5, 1, 4, 2):
        batch.import_lines(db, [lines(TURNS)[place]])
    one_by_one = rows(db)
    db.execute("DELETE FROM memories")
    batch.import_lines(db, lines(TURNS))
    assert rows(db) == one_by_one
    assert "dahlia" in near(db, "s1")
    assert "dahlia" not in near(db, "s5")


def test_what_is_forgotten_is_gone_from_its_neighbours(db: sqlite3.Connection) -> None:
    batch.import_lines(db, lines(TURNS))
    memories.delete(db, "s2")
    assert not any("dahlia" in row[2] or "dahlia" in row[3] for row in rows(db))
    assert "allot" in near(db, "s3")


def test_a_change_reaches_its_neighbours(db: sqlite3.Connection) -> None:
    batch.import_lines(db, lines(TURNS))
    memories.update(db, "s2", memories.Draft.of("Hanna: Pumpkins."))
    assert "pumpkin" in near(db, "s1")
    assert "dahlia" not in near(db, "s1")


def test_a_long_pause_and_another_session_end_it(db: sqlite3.Connection) -> None:
    batch.import_lines(db, lines(TURNS, session="slow", minutes=24 * 60))
    batch.import_lines(db, lines(["A memory of its own"], session=""))
    assert not any(row[3] for row in rows(db))


def test_the_answer_is_found_by_its_question(db: sqlite3.Connection) -> None:
    batch.import_lines(db, lines(TURNS))
    found = ids(db, "grow?")
    assert found[0] == "s1"
    assert "s2" in found


def test_who_said_it_counts(db: sqlite3.Connection) -> None:
    batch.import_lines(db, lines(["Hanna: I like jazz.", "Piet: I like jazz."]))
    assert ids(db, "Does Piet like jazz?")[0] == "s1"
    assert ids(db, "Does Hanna like jazz?")[0] == "s0"


def test_the_time_asked_for_counts(db: sqlite3.Connection) -> None:
    batch.import_lines(db, lines(["the plum cake"] * 3, minutes=60 * 24 * 60))
    asked = "plum cake in May 2024"
    assert ids(db, asked, now=START + timedelta(days=300))[0] == "s1"


def test_priority_and_recency_can_be_switched(db: sqlite3.Connection) -> None:
    for name, score in (("low", 0.1), ("high", 0.9), ("last", 0.5)):
        line = {"id": name, "content": f"plum cake {name}", "priority_score": score}
        batch.import_lines(db, [json.dumps(line)])
    assert ids(db, "plum cake")[0] == "high"
    assert ids(db, "plum cake", weights=Weights(priority=0.0))[0] == "last"
    aged = {"id": "old", "content": "cake old", "created_at": "2001-01-01T00:00:00+00:00"}
    batch.import_lines(db, [json.dumps(aged)])
    assert ids(db, "cake old", weights=Weights(recency=0.0))[0] == "old"
    assert ids(db, "cake", weights=Weights(recency=0.5, priority=0.0))[-1] == "old"


def test_batches_answer_in_order_with_falling_scores(db: sqlite3.Connection) -> None:
    batch.import_lines(db, lines(TURNS))
    questions = [json.dumps({"id": n, "query": q}) for n, q in enumerate(("slugs", "zeppelin"))]
    first, second = batch.search_lines(db, questions, limit=3)
    assert (first["id"], second["id"], second["memories"]) == (0, 1, [])
    scores = [one["score"] for one in first["memories"]]
    assert first["memories"][0]["id"] == "s3"
    assert scores == sorted(scores, reverse=True)


def test_a_speaker_is_no_command(db: sqlite3.Connection) -> None:
    command = {"id": "c", "kind": "command", "content": "apt-get install -y vim", "machine": "aios"}
    batch.import_lines(db, [json.dumps(command), *lines(["Hanna: I had to install a new pump."])])
    question = json.dumps({"id": 1, "query": "What did Hanna install?"})
    (answer,) = batch.search_lines(db, [question], limit=5)
    assert answer["memories"][0]["id"] == "s0"
