"""Finding memories by words. Standard library only.

A query is never SQL's or FTS5's: it is cut into words, each quoted; any of them may match. FTS5
finds candidates, `ranking` orders them. `%`, `_`, `*` and `"` mean nothing. Where no word matches,
the query is looked for as it is.
"""

import heapq
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aios.memory import ranking, when
from aios.memory.index import SINCE
from aios.memory.memories import Memory, bounded, check_text, index
from aios.memory.ranking import Asked, Candidate, Weights
from aios.memory.schema import transaction, version
from aios.memory.words import QUESTION_WORDS, asked, fold, is_opening, match, terms

WEIGHTS = Weights()
CANDIDATES = 150
BUDGET = 25_000
"""Places of words in the index that a search looks at to find candidates: the rarest words find
them, and the common ones only help to order them. Where all are common, the newest of them."""
_NAME = re.compile(r"\b[^\W\d_a-z]\w+")
_COLUMNS = {"content": 1.0, "near": 0.35, "speaker": 2.0}
_SAID_LATER = timedelta(days=7)
"""What happened in a span of time is still told afterwards."""


def search(
    connection: sqlite3.Connection,
    query: str,
    *,
    limit: int,
    offset: int,
    now: datetime | None = None,
    weights: Weights = WEIGHTS,
) -> list[Memory]:
    """Best first. Raises InvalidOption for a query that is no text."""
    found = scored(connection, query, limit=limit, offset=offset, now=now, weights=weights)
    return [memory for memory, _ in found]


def scored(
    connection: sqlite3.Connection,
    query: str,
    *,
    limit: int,
    offset: int = 0,
    now: datetime | None = None,
    weights: Weights = WEIGHTS,
) -> list[tuple[Memory, float]]:
    """With scores, higher is better, comparable within one search only. `now`, with an offset, is
    what "last week" is relative to."""
    check_text("query", query)
    ids: list[tuple[str, float]] = []
    if asked(query) and is_indexed(connection):
        ids = _by_words(connection, query, limit + offset, now or datetime.now(UTC), weights)
    elif wanted := terms(query):
        ids = scan(connection, wanted)
    if not ids and query.strip():
        ids = scan(connection, [fold(query.strip())])
    scores = dict(ids[offset : offset + limit])
    rows = (
        connection.execute("SELECT * FROM memories WHERE id = ?", (memory_id,)).fetchone()
        for memory_id in scores
    )
    found = bounded(connection, (row for row in rows if row is not None))
    return [(memory, round(scores[memory.id], 4)) for memory in found]


def names_speaker(connection: sqlite3.Connection, query: str) -> bool:
    """Whether the query names, as names are written, somebody whose turn a memory is."""
    names = [word for name in _NAME.findall(query) for word in asked(name)]
    names = [name for name in dict.fromkeys(names) if name not in QUESTION_WORDS]
    return (
        bool(names)
        and is_indexed(connection)
        and connection.execute(
            "SELECT 1 FROM memory_words WHERE memory_words MATCH ? LIMIT 1",
            (f"speaker : ({match(names)})",),
        ).fetchone()
        is not None
    )


def is_indexed(connection: sqlite3.Connection) -> bool:
    """Whether the word index is there and knows everything, which it is told here first."""
    if version(connection) < SINCE:
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


def _by_words(
    connection: sqlite3.Connection, query: str, limit: int, now: datetime, weights: Weights
) -> list[tuple[str, float]]:
    wanted = asked(query)
    memories, length = _size(connection)
    having = {term: _having(connection, term) for term in wanted}
    wanted = [term for term in wanted if having[term]]
    if not wanted or not memories:
        return []
    phrase = when.find(query.lower(), now)
    question = Asked(
        {term: ranking.rarity_of(memories, having[term]) for term in wanted},
        ranking.asks_when(query),
        [(since, until and until + _SAID_LATER) for since, until in phrase.window.spans]
        if phrase
        else [],
        now,
        length,
    )
    finding = {term: question.rarity[term] for term in _finding(wanted, having)}
    found = _candidates(connection, finding, max(limit, CANDIDATES))
    for term in filter(is_opening, wanted):
        found = [replace(one, content=_opened(one.content, term)) for one in found]
    ids = {one.number: one.id for one in found}
    return [(ids[number], score) for number, score in ranking.ranked(question, found, weights)]


def _opened(content: str, term: str) -> str:
    """With the character as a word of its own where it begins one."""
    return content.replace(f" {term}", f" {term} {term}")


def _size(connection: sqlite3.Connection) -> tuple[int, float]:
    """How many memories, and of how many words, about: some evenly chosen stand for all."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM memory_index").fetchone()
    (characters,) = connection.execute(
        "SELECT avg(length(content)) FROM json_each(?)"
        " JOIN memory_words ON memory_words.rowid = json_each.value",
        (json.dumps(list(range(1, last + 1, last // _SAMPLE + 1))),),
    ).fetchone()
    return int(last), max((characters or 0) / _CHARACTERS, 1.0)


_SAMPLE = 100
_CHARACTERS = 5.2
"""Of a stem and the space after it."""


def _having(connection: sqlite3.Connection, term: str) -> int:
    """How many memories have the word, or have it near them."""
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.memory_terms USING fts5vocab(main, memory_words,"
        " row)"
    )
    if is_opening(term):
        (found,) = connection.execute(
            "SELECT coalesce(sum(doc), 0) FROM memory_terms WHERE term >= ? AND term < ?",
            (term, chr(ord(term) + 1)),
        ).fetchone()
    else:
        (found,) = connection.execute(
            "SELECT coalesce(sum(doc), 0) FROM memory_terms WHERE term = ?", (term,)
        ).fetchone()
    return int(found)


def _finding(wanted: Sequence[str], having: dict[str, int]) -> list[str]:
    """The rarest words within the budget, at least one."""
    chosen: list[str] = []
    places = 0
    for term in sorted(wanted, key=lambda term: having[term]):
        places += having[term]
        if chosen and places > BUDGET:
            break
        chosen.append(term)
    return chosen


def _candidates(
    connection: sqlite3.Connection, finding: Mapping[str, float], limit: int
) -> list[Candidate]:
    """By what words they have where. FTS5's own bm25() costs thirty times as much: it reads each
    row's text again."""
    weights: dict[int, float] = defaultdict(float)
    plain = connection.cursor()
    plain.row_factory = None  # most of the time goes into rows
    for term, rarity in finding.items():
        for column, weight in _COLUMNS.items():
            found = plain.execute(
                "SELECT rowid FROM memory_words WHERE memory_words MATCH ?"
                " ORDER BY rowid DESC LIMIT ?",
                (f"{column} : ({match([term])})", BUDGET),
            )
            weight_here = weight * rarity
            for (number,) in found:
                weights[number] += weight_here
    best = [
        number for _, number in heapq.nlargest(limit, zip(weights.values(), weights, strict=True))
    ]
    rows = plain.execute(
        "SELECT place.number, place.id, speaker, words.content, near, conversation,"
        " place.created_at, priority_score FROM json_each(?) AS found"
        " JOIN memory_words AS words ON words.rowid = found.value"
        " JOIN memory_index AS place ON place.number = found.value"
        " JOIN memories ON memories.id = place.id",
        (json.dumps(best),),
    )
    return [
        Candidate(row[0], row[1], row[2], f" {row[3]} ", f" {row[4]} ", *row[5:]) for row in rows
    ]


def scan(connection: sqlite3.Connection, needles: list[str]) -> list[tuple[str, float]]:
    """Ids of the memories whose text holds any of the needles, most first, then the newest; with
    how many."""
    scores: dict[str, float] = {}
    for row in connection.execute("SELECT * FROM memories ORDER BY created_at DESC, id DESC"):
        text = fold(f"{row['content']}\n{row['ai_interpretation'] or ''}")
        if score := sum(needle in text for needle in needles):
            scores[row["id"]] = float(score)
    return sorted(scores.items(), key=lambda found: -found[1])
