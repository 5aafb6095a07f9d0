"""Layer 3: what an AI, or a questionnaire, says of the person. Only ever added to; the latest
counts. Standard library only."""

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aios.errors import InvalidOption
from aios.memory.memories import check_text, now
from aios.memory.schema import transaction

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")


@dataclass(frozen=True)
class Analysis:
    """The Big Five, each 0..1."""

    id: str
    openness: float
    conscientiousness: float
    extraversion: float
    agreeableness: float
    neuroticism: float
    summary: str
    analyzed_at: str

    def traits(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in TRAITS}

    @property
    def dominant_trait(self) -> str:
        """The highest; of equals the first of TRAITS."""
        return max(TRAITS, key=lambda name: float(getattr(self, name)))

    def fields(self) -> dict[str, str | float]:
        return {**asdict(self), "dominant_trait": self.dominant_trait}


def save(
    connection: sqlite3.Connection, analysis_id: str, traits: Mapping[str, float], summary: str
) -> Analysis:
    """Scores are clamped to 0..1. Raises InvalidOption where a trait is missing or no number."""
    check_text("summary", summary)
    clamped = {}
    for name in TRAITS:
        score = traits.get(name)
        if score is None or math.isnan(score):
            raise InvalidOption(f"{name} must be a number from 0 to 1")
        clamped[name] = min(max(float(score), 0.0), 1.0)
    analysis = Analysis(id=analysis_id, summary=summary, analyzed_at=now(), **clamped)
    with transaction(connection):
        connection.execute(
            "INSERT INTO user_analyses(id, openness, conscientiousness, extraversion,"
            " agreeableness, neuroticism, summary, analyzed_at) VALUES (:id, :openness,"
            " :conscientiousness, :extraversion, :agreeableness, :neuroticism, :summary,"
            " :analyzed_at)",
            asdict(analysis),
        )
    return analysis


def latest(connection: sqlite3.Connection) -> Analysis | None:
    row = connection.execute(
        "SELECT * FROM user_analyses ORDER BY julianday(analyzed_at) DESC, rowid DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    return Analysis(**{name: row[name] for name in Analysis.__dataclass_fields__})
