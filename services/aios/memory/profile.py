"""Layer 3.5: who the person is, in one small record. Standard library only.

Kept in `user_profiles`, where the original keeps its own. It holds as long as no memory and no
analysis has changed since, which triggers count (they count the original's changes too).
"""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from aios.memory import analyses
from aios.memory.memories import now
from aios.memory.schema import transaction, version
from aios.memory.words import QUESTION_WORDS, fold

SCHEMA = """
CREATE TABLE profile_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    changes INTEGER NOT NULL,
    profiled INTEGER,
    last_updated TEXT
);
INSERT INTO profile_state(id, changes) VALUES (1, 0);
CREATE TRIGGER profile_memory_inserted AFTER INSERT ON memories BEGIN
    UPDATE profile_state SET changes = changes + 1;
END;
CREATE TRIGGER profile_memory_updated AFTER UPDATE ON memories BEGIN
    UPDATE profile_state SET changes = changes + 1;
END;
CREATE TRIGGER profile_memory_deleted AFTER DELETE ON memories BEGIN
    UPDATE profile_state SET changes = changes + 1;
END;
CREATE TRIGGER profile_analysis_inserted AFTER INSERT ON user_analyses BEGIN
    UPDATE profile_state SET changes = changes + 1;
END;
CREATE TRIGGER profile_analysis_updated AFTER UPDATE ON user_analyses BEGIN
    UPDATE profile_state SET changes = changes + 1;
END;
CREATE TRIGGER profile_analysis_deleted AFTER DELETE ON user_analyses BEGIN
    UPDATE profile_state SET changes = changes + 1;
END;
"""
SINCE = 2
"""The schema's version that has this table."""

TRAITS = 3
INTERESTS = 5
VALUES = 5
KEY_MEMORIES = 10
VALUED = 0.7
"""Priority from which on a memory tells values."""
READ = 5000
"""The newest memories whose words are counted: a service's one thread must not read a million."""
ENOUGH = 50

_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMON_WORDS = """
    after again all also always because before being but every get got just like likes made make
    many more most much must never new no not now off one only other out over really said same see
    she he her his him some something such take than there thing things think time today too two
    under up use used user uses using very want wants way well while yes
    です ます した して する いる ある ない から まで こと もの よう ため それ これ
"""
_COMMON = QUESTION_WORDS.union(_COMMON_WORDS.split())


@dataclass(frozen=True)
class Trait:
    name: str
    score: float


@dataclass(frozen=True)
class Profile:
    dominant_traits: tuple[Trait, ...]
    core_interests: tuple[str, ...]
    core_values: tuple[str, ...]
    key_memory_ids: tuple[str, ...]
    data_quality: float
    last_updated: str

    def fields(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "dominant_traits": [asdict(trait) for trait in self.dominant_traits],
            "core_interests": list(self.core_interests),
            "core_values": list(self.core_values),
            "key_memory_ids": list(self.key_memory_ids),
        }


def kept(connection: sqlite3.Connection) -> dict[str, Any] | None:
    """The kept profile's fields, while they hold."""
    if version(connection) < SINCE:
        return None
    row = connection.execute(
        "SELECT data FROM user_profiles JOIN profile_state USING (id, last_updated)"
        " WHERE profiled = changes"
    ).fetchone()
    return dict(json.loads(row["data"])) if row is not None else None


def get(connection: sqlite3.Connection) -> dict[str, Any]:
    """The profile's fields, made and kept where none holds. A file that is only read keeps none."""
    known = kept(connection)
    if known is not None:
        return known
    if version(connection) < SINCE:
        return make(connection).fields()
    changes = changed(connection)
    made = make(connection)
    try:
        keep(connection, made, changes)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
    return made.fields()


def changed(connection: sqlite3.Connection) -> int:
    """How often memories and analyses have changed."""
    (changes,) = connection.execute("SELECT changes FROM profile_state").fetchone()
    return int(changes)


def keep(connection: sqlite3.Connection, profile: Profile, changes: int) -> None:
    """`changes`: as it was before the profile was made; what came in between makes it stale."""
    with transaction(connection):
        connection.execute(
            "INSERT OR REPLACE INTO user_profiles(id, data, last_updated) VALUES (1, ?, ?)",
            (json.dumps(profile.fields(), ensure_ascii=False), profile.last_updated),
        )
        connection.execute(
            "UPDATE profile_state SET profiled = ?, last_updated = ?",
            (changes, profile.last_updated),
        )


def make(connection: sqlite3.Connection) -> Profile:
    analysis = analyses.latest(connection)
    traits = sorted(analysis.traits().items(), key=lambda one: -one[1]) if analysis else []
    (count,) = connection.execute("SELECT count(*) FROM memories").fetchone()
    words = connection.execute(
        "SELECT content, ai_interpretation FROM memories ORDER BY created_at DESC LIMIT ?", (READ,)
    )
    valued = connection.execute(
        "SELECT content, ai_interpretation FROM memories WHERE priority_score >= ?"
        " ORDER BY priority_score DESC LIMIT ?",
        (VALUED, READ),
    )
    keys = connection.execute(
        "SELECT id FROM memories WHERE priority_score IS NOT NULL"
        " ORDER BY priority_score DESC, created_at DESC LIMIT ?",
        (KEY_MEMORIES,),
    )
    return Profile(
        dominant_traits=tuple(Trait(name, score) for name, score in traits[:TRAITS]),
        core_interests=frequent(words, INTERESTS),
        core_values=frequent(valued, VALUES),
        key_memory_ids=tuple(row["id"] for row in keys),
        data_quality=min(1.0, 0.5 * min(count / ENOUGH, 1.0) + (0.5 if analysis else 0.0)),
        last_updated=now(),
    )


def frequent(rows: Iterable[sqlite3.Row], limit: int) -> tuple[str, ...]:
    """The most frequent words that tell something: those of a text once, of an interpretation
    twice. Of equals the first in the alphabet."""
    counted: Counter[str] = Counter()
    for row in rows:
        for text, weight in ((row["content"], 1), (row["ai_interpretation"] or "", 2)):
            for word in _WORD.findall(fold(text)):
                if word not in _COMMON and (len(word) > 2 or not word.isascii()):
                    counted[word] += weight
    ranked = sorted(counted, key=lambda word: (-counted[word], word))
    return tuple(ranked[:limit])
