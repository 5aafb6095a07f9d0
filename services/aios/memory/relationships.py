"""Layer 4: how close somebody or something is, by the memories that name it. Standard library only.

The formulas are those that users of aigpt know. Decay is an addition and off unless asked for; so
are the commands that name it (a package, unit, file, host) or ran in it (a machine), which are
told beside the bond and do not make it.
"""

import sqlite3
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from aios.memory import analyses, entities
from aios.memory.memories import now, read_entities
from aios.memory.schema import version
from aios.memory.search import is_indexed

DEFAULT_LIMIT = 10
UNRATED = 0.5
_OUTGOING = 0.5
"""Extraversion from which on depth counts more than frequency; also where nobody has said."""
_DAY = 86400.0
_ABOVE = b""
"""After any text, as SQLite sorts."""


@dataclass(frozen=True)
class Relationship:
    entity_id: str
    interaction_count: int
    avg_priority: float
    bond_strength: float
    relationship_type: str
    confidence: float
    inferred_at: str
    days_since_last: float | None = None
    """None: no memory names it."""
    commands: int | None = None
    last_command_at: str | None = None

    def fields(self) -> dict[str, str | float]:
        """What is known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def bond(count: int, average: float, extraversion: float) -> float:
    if extraversion < _OUTGOING:
        return 0.6 * min(count / 20, 1.0) + 0.4 * average
    return 0.4 * min(count / 50, 1.0) + 0.6 * average


def kind(strength: float, count: int, average: float) -> str:
    if strength >= 0.8:
        return "close_friend"
    if strength >= 0.6:
        return "friend"
    if strength >= 0.4:
        return "valued_acquaintance" if average >= 0.6 else "acquaintance"
    return "regular_contact" if count >= 5 else "distant"


def confidence(count: int) -> float:
    if count < 5:
        return (0.0, 0.2, 0.3, 0.4, 0.45)[count]
    if count < 10:
        return 0.5 + 0.05 * (count - 5)
    return 0.8 + min(0.02 * (count - 10), 0.2)


@dataclass(frozen=True)
class Whose:
    """Whose commands count; None: everybody's."""

    user: str | None = None
    uid: int | None = None


EVERYBODY = Whose()


def get(
    connection: sqlite3.Connection,
    entity: str,
    *,
    half_life_days: float | None = None,
    whose: Whose = EVERYBODY,
) -> Relationship:
    """One that no memory names is distant, with confidence 0."""
    named = _named(connection, entity)
    count, average, last = named.get(entity, (0, None, None))
    found = _relationship(entity, count, average, last, _extraversion(connection), half_life_days)
    return _with_commands(connection, found, whose)


def strongest(
    connection: sqlite3.Connection,
    *,
    limit: int,
    offset: int = 0,
    half_life_days: float | None = None,
    whose: Whose = EVERYBODY,
) -> list[Relationship]:
    """By bond, strongest first; of equals the one with more memories, then by name."""
    extraversion = _extraversion(connection)
    found = [
        _relationship(entity, count, average, last, extraversion, half_life_days)
        for entity, (count, average, last) in _named(connection).items()
    ]
    found.sort(key=lambda one: (-one.bond_strength, -one.interaction_count, one.entity_id))
    return [_with_commands(connection, one, whose) for one in found[offset : offset + limit]]


def _with_commands(
    connection: sqlite3.Connection, found: Relationship, whose: Whose
) -> Relationship:
    if version(connection) < entities.SINCE:
        return found
    row = connection.execute(
        "SELECT count(*) AS n, max(started_at) AS last FROM commands WHERE (machine = :entity"
        " OR id IN (SELECT command_id FROM command_entities WHERE name = :entity))"
        " AND (:user IS NULL OR user = :user) AND (:uid IS NULL OR uid = :uid)"
        " AND coalesce(purpose, '') <> 'probe'",
        {"entity": found.entity_id, "user": whose.user, "uid": whose.uid},
    ).fetchone()
    return replace(found, commands=row["n"], last_command_at=row["last"])


def _extraversion(connection: sqlite3.Connection) -> float:
    analysis = analyses.latest(connection)
    return analysis.extraversion if analysis else _OUTGOING


def _relationship(
    entity: str,
    count: int,
    average: float | None,
    last: datetime | None,
    extraversion: float,
    half_life_days: float | None,
) -> Relationship:
    mean = UNRATED if average is None else average
    strength = bond(count, mean, extraversion)
    days = None
    if last is not None:
        days = max((datetime.now(UTC) - last).total_seconds() / _DAY, 0.0)
        if half_life_days is not None:
            strength *= 0.5 ** (days / half_life_days)
    return Relationship(
        entity_id=entity,
        interaction_count=count,
        avg_priority=mean,
        bond_strength=strength,
        relationship_type=kind(strength, count, mean),
        confidence=confidence(count),
        inferred_at=now(),
        days_since_last=days,
    )


Named = dict[str, tuple[int, float | None, datetime | None]]


def _named(connection: sqlite3.Connection, entity: str | None = None) -> Named:
    """Entity → how many memories name it, their mean priority, the newest's time."""
    if version(connection) < entities.SINCE or not is_indexed(connection):
        return _scan(connection, entity)
    rows = connection.execute(
        "SELECT entity, count(*) AS n, avg(min(max(priority_score, 0.0), 1.0)) AS mean,"
        " max(created_at) AS last FROM memory_entities"
        " JOIN memories ON memories.id = memory_entities.memory_id"
        " WHERE entity BETWEEN :low AND :high GROUP BY entity",
        {"low": entity or "", "high": _ABOVE if entity is None else entity},
    )
    return {row["entity"]: (row["n"], row["mean"], _time(row["last"])) for row in rows}


def _scan(connection: sqlite3.Connection, entity: str | None) -> Named:
    """The same of a file that has no index, and is only read."""
    columns = [row["name"] for row in connection.execute("PRAGMA table_info(memories)")]
    if "related_entities" not in columns:
        return {}
    scores: dict[str, list[float | None]] = {}
    times: dict[str, str] = {}
    for row in connection.execute(
        "SELECT related_entities, priority_score, created_at FROM memories"
        " WHERE related_entities IS NOT NULL"
    ):
        for name in set(read_entities(row["related_entities"])):
            if entity is None or name == entity:
                scores.setdefault(name, []).append(row["priority_score"])
                times[name] = max(times.get(name, ""), row["created_at"])
    named: Named = {}
    for name, every in scores.items():
        rated = [min(max(score, 0.0), 1.0) for score in every if score is not None]
        mean = sum(rated) / len(rated) if rated else None
        named[name] = (len(every), mean, _time(times[name]))
    return named


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None  # another program's
    return time if time.tzinfo else time.replace(tzinfo=UTC)
