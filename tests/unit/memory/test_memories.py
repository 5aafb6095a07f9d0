import math
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aios.errors import InvalidOption, NotFound
from aios.ids import is_id
from aios.memory import memories, schema
from aios.memory.erase import Eraser, Left
from aios.memory.memories import MAX_CONTENT, MAX_REPLY, Draft, Source


def test_a_memory_comes_back_as_it_went(db: sqlite3.Connection) -> None:
    text = 'Zeile 1\n"quoted" 100%_ \u65e5\u672c\u8a9e \U0001f335 e\u0301'
    draft = Draft.of(
        text, ai_interpretation="why", priority_score=0.25, related_entities=["ada", "\u7530\u4e2d"]
    )
    memories.create(db, "01", draft, Source("aios", "ai@aios", 524288, "S"))
    fields = memories.get(db, "01").fields()
    created = fields.pop("created_at")
    assert fields == {
        "id": "01",
        "content": text,
        "ai_interpretation": "why",
        "priority_score": 0.25,
        "related_entities": ["ada", "\u7530\u4e2d"],
        "updated_at": created,
        "machine": "aios",
        "user": "ai@aios",
        "session": "S",
    }
    assert datetime.fromisoformat(str(created)).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("given", "kept"), [(7.0, 1.0), (-1.0, 0.0), (math.inf, 1.0), (0.0, 0.0), (0.5, 0.5)]
)
def test_scores_are_clamped(db: sqlite3.Connection, given: float, kept: float) -> None:
    memories.create(db, "01", Draft.of("x", priority_score=given))
    memories.update(db, "01", Draft.of("y", priority_score=given))
    assert memories.get(db, "01").priority_score == kept
    assert memories.get(db, "01").fields()["priority_score"] == kept


def test_update_keeps_what_it_is_not_told(db: sqlite3.Connection) -> None:
    memories.create(
        db, "01",
        Draft.of("a", ai_interpretation="i", priority_score=0.5, related_entities=["e"]),
    )  # fmt: skip
    before = memories.get(db, "01")
    memories.update(db, "01", Draft.of("b"))
    after = memories.get(db, "01")
    assert (after.content, after.ai_interpretation, after.priority_score) == ("b", "i", 0.5)
    assert after.related_entities == ("e",)
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at
    memories.update(db, "01", Draft.of("b", ai_interpretation="", related_entities=[]))
    emptied = memories.get(db, "01")
    assert (emptied.ai_interpretation, emptied.related_entities) == (None, ())


def test_what_is_not_there_is_not_found(db: sqlite3.Connection) -> None:
    for attempt in (
        lambda: memories.get(db, "01"),
        lambda: memories.update(db, "01", Draft.of("x")),
        lambda: memories.delete(db, "01"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert not db.in_transaction


def test_the_list_is_newest_first_and_paged(db: sqlite3.Connection) -> None:
    for number in range(7):
        memories.create(db, str(number), Draft.of(str(number)))
    pages = [memories.recent(db, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [[one.id for one in page] for page in pages] == [
        ["6", "5", "4"], ["3", "2", "1"], ["0"], [],
    ]  # fmt: skip


def test_a_page_fits_into_a_message(db: sqlite3.Connection) -> None:
    for number in range(70):
        memories.create(db, str(number), Draft.of(f"{number:02}".ljust(MAX_CONTENT, "x")))
    seen: list[str] = []
    while page := memories.recent(db, limit=1000, offset=len(seen)):
        assert sum(len(one.content) for one in page) <= MAX_REPLY
        seen += [one.id for one in page]
    assert len(set(seen)) == 70


@pytest.mark.parametrize(
    "content", ["", " \n", "a\0b", "\ud800", "x" * (MAX_CONTENT + 1), "\u3042" * (MAX_CONTENT // 2)]
)
def test_what_cannot_be_kept_is_refused(content: str) -> None:
    with pytest.raises(InvalidOption):
        Draft.of(content)


@pytest.mark.parametrize("entities", [["a\0"], ["x" * 257], ["x"] * 65, ["\udfff"]])
def test_entities_are_checked(entities: list[str]) -> None:
    with pytest.raises(InvalidOption):
        Draft.of("x", related_entities=entities)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidOption):
        Draft.of("x", priority_score=math.nan)


def test_bytes_of_another_program_are_readable(db: sqlite3.Connection) -> None:
    db.execute(
        "INSERT INTO memories VALUES ('01', CAST(x'61ff620063' AS TEXT), NULL, NULL, 't', 't',"
        " '[broken')"
    )
    (found,) = memories.recent(db, limit=5, offset=0)
    assert found.content == "a\ufffdb\ufffdc"
    assert found.related_entities == ()


def test_what_is_deleted_is_not_in_the_file(path: Path) -> None:
    with closing(schema.connect(path)) as db:
        memories.create(
            db, "01", Draft.of("the password is xyzzyplugh", related_entities=["foobarbaz"])
        )
        memories.create(db, "02", Draft.of("something else"))
        memories.delete(db, "01")
        eraser = Eraser(path)
        while eraser.step(db) is Left.MORE:
            pass
        (left,) = db.execute("SELECT count(*) FROM memory_sources").fetchone()
        assert left == 0
    content = path.read_bytes()
    assert b"something" in content
    assert b"xyzzyplugh" not in content
    assert b"foobarbaz" not in content


def test_ids_made_without_the_library_are_ulids() -> None:
    made = [memories.new_id() for _ in range(100)]
    assert all(map(is_id, made))
    assert len(set(made)) == 100
    assert [one[:10] for one in made] == sorted(one[:10] for one in made)


def test_the_same_text_is_one_memory_of_a_person(db: sqlite3.Connection) -> None:
    def said(memory_id: str, user: str, session: str, **options: Any) -> str:
        source = Source("aios", user, 1000, session, "chat")
        return memories.create(db, memory_id, Draft.of("likes tea", **options), source)

    assert said("01", "me", "A", priority_score=0.5) == "01"
    assert said("02", "me", "B", related_entities=["tea"]) == "01"
    assert said("03", "her", "C") == "03"
    kept = memories.get(db, "01")
    assert (kept.session, kept.source, kept.priority_score) == ("B", "chat", 0.5)
    assert kept.related_entities == ("tea",)
    assert kept.updated_at > kept.created_at
    memories.update(db, "01", Draft.of("likes coffee"))
    assert said("04", "me", "D") == "04"
    memories.delete(db, "04")
    assert said("05", "me", "D") == "05"
    assert memories.create(db, "06", Draft.of("likes tea")) == "06"
