import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.errors import InvalidOption
from aios.memory import memories, schema, search

TEXTS = {
    "vim": "I prefer vim over emacs for editing",
    "percent": "the disk was 100% full of foo_bar",
    "tea": "Green tea, never coffee; milk is fine",
    "nginx": "nginx serves the blog from /srv/blog",
    "ram": "メモリを16GBに増やした",
    "kyoto": "京都の天気が好きです",
    "chinese": "我喜欢用vim编辑器",
    "thai": "ฉันชอบกาแฟเย็น",
    "quoted": 'she said "no" to that AND nothing more',
}


@pytest.fixture
def stored(db: sqlite3.Connection) -> sqlite3.Connection:
    for name, text in TEXTS.items():
        memories.create(db, name, memories.Draft.of(text))
    return db


def ids(db: sqlite3.Connection, query: str, *, limit: int = 50, offset: int = 0) -> list[str]:
    return [one.id for one in search.search(db, query, limit=limit, offset=offset)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("which editor do I prefer?", "vim"),
        ("EDIT", "vim"),
        ("What is it that the blog is served by?", "nginx"),
        ("coffee milk", "tea"),
        ("100%", "percent"),
        ("oo_ba", "percent"),
        ("メモリ", "ram"),
        ("メモリはどうなった?", "ram"),
        ("京都の天気は?", "kyoto"),
        ("増やした", "ram"),
        ("我喜欢什么编辑器", "chinese"),
        ("器", "chinese"),
        ("気", "kyoto"),
        ("กาแฟ", "thai"),
        ("\uff2e\uff27\uff29\uff2e\uff38", "nginx"),
        ("/srv/blog", "nginx"),
        ('said "no', "quoted"),
    ],
)
def test_the_best_is_first(stored: sqlite3.Connection, query: str, first: str) -> None:
    assert ids(stored, query)[0] == first


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("%", ["percent"]),
        ("_", ["percent"]),
        ("v%m", []),
        ("v_m", []),
        ("zeppelin", []),
        ("", []),
        ("   ", []),
        ("?", []),
        ("NEAR(vim emacs)", ["vim", "chinese"]),
        ("vi*", []),
        ("content:vim", ["vim", "chinese"]),
    ],
)
def test_operators_mean_nothing(
    stored: sqlite3.Connection, query: str, expected: list[str]
) -> None:
    assert sorted(ids(stored, query)) == sorted(expected)


def test_interpretations_and_entities_are_found(db: sqlite3.Connection) -> None:
    draft = memories.Draft.of("x", ai_interpretation="nostalgia", related_entities=["Grace Hopper"])
    memories.create(db, "01", draft)
    assert ids(db, "hopper") == ids(db, "nostalgia") == ["01"]


def test_question_words_alone_are_words(db: sqlite3.Connection) -> None:
    memories.create(db, "01", memories.Draft.of("The Who"))
    assert ids(db, "the who") == ["01"]


def test_paging_gives_each_once(db: sqlite3.Connection) -> None:
    for number in range(25):
        memories.create(db, str(number), memories.Draft.of(f"tree {number}"))
    pages = [ids(db, "tree", limit=10, offset=offset) for offset in (0, 10, 20, 30)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert len({one for page in pages for one in page}) == 25


@given(query=st.text(max_size=200))
def test_any_text_is_a_query(query: str) -> None:
    with sqlite3.connect(":memory:", isolation_level=None) as db:
        db.row_factory = sqlite3.Row
        schema.migrate(db)
        memories.create(db, "01", memories.Draft.of("the text of a memory"))
        try:
            search.search(db, query, limit=5, offset=0)
        except InvalidOption:
            assert "\0" in query


def test_without_an_index_words_are_still_found(stored: sqlite3.Connection) -> None:
    stored.execute("PRAGMA user_version = 0")
    stored.execute("DROP TABLE memory_words")
    assert ids(stored, "what about nginx?") == ["nginx"]
