"""How well candidates answer a question. Standard library only, pure.

A candidate's score is the sum over the question's stems of BM25 in its own words and, less, in
those of its neighbours; more where the question names who said it, where other turns of its
conversation fit too, where it was written in the time asked about, and where it says a time if the
question is "when". Weights were found on conversations other than the tests' (tests/bench).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aios.memory.stem import stem

Span = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Weights:
    """`priority` and `recency` are shares of the score: with 0.2, a memory of priority 1 counts
    a tenth more than one of 0.5 (or none), and one of today a fifth more than an old one, half of
    that after `half_life_days`. 0 switches them off."""

    near: float = 0.35
    named: float = 1.0
    speaker: float = 1.8
    conversation: float = 0.15
    says_when: float = 2.0
    in_time: float = 1.5
    priority: float = 0.1
    recency: float = 0.0
    half_life_days: float = 90.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """Words are stems, a space before and after each."""

    number: int
    id: str
    speaker: str
    content: str
    near: str
    conversation: str | None
    created_at: str
    priority: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """`rarity`: of each stem, by how few memories have it (`rarity_of`)."""

    rarity: Mapping[str, float]
    when: bool
    spans: Sequence[Span]
    now: datetime
    length: float
    """Words of a memory, on average."""


_SATURATION, _BY_LENGTH, _NEAR_BY_LENGTH = 0.5, 0.3, 0.5
_TOGETHER_SATURATION = 1.2
_NOD = 0.15
_SHORT = 8
"""Words; what is much shorter is a nod more often than an answer."""
_WHEN = re.compile(r"\s*(?:when\b|(?:in |on )?(?:what|which) (?:date|day|month|year|time)\b|いつ)")
_TIME_WORDS = """
    yesterday today tomorrow tonight last next week weekend month year ago monday tuesday wednesday
    thursday friday saturday sunday january february march april june july august september october
    november december morning afternoon evening night recently soon since summer winter spring
    autumn
"""
_TIMES = frozenset(map(stem, _TIME_WORDS.split()))


def asks_when(query: str) -> bool:
    return _WHEN.match(query.casefold()) is not None


def rarity_of(memories: int, having: int) -> float:
    return math.log(1 + (max(memories - having, 0) + 0.5) / (having + 0.5))


def ranked(
    asked: Asked, candidates: Sequence[Candidate], weights: Weights
) -> list[tuple[int, float]]:
    """Numbers and scores, best first; of equals the newest number."""
    near_length = sum(len(one.near) for one in candidates) / max(len(candidates), 1) or 1.0
    looked_for = [(f" {term} ", rarity) for term, rarity in asked.rarity.items()]
    said = [[one.content.count(term) for term, _ in looked_for] for one in candidates]
    names = {name for one in candidates for name in one.speaker.split() if name in asked.rarity}
    together = _together(asked, candidates, said, names)
    scored = [
        (one.number, _score(asked, one, times, looked_for, together, near_length, names, weights))
        for one, times in zip(candidates, said, strict=True)
    ]
    return sorted(scored, key=lambda found: (-found[1], -found[0]))


def _score(
    asked: Asked,
    one: Candidate,
    said: Sequence[int],
    looked_for: Sequence[tuple[str, float]],
    together: Mapping[str | None, float],
    near_length: float,
    names: set[str],
    weights: Weights,
) -> float:
    words = one.content.count(" ") - 1
    own = _SATURATION * (1 - _BY_LENGTH + _BY_LENGTH * words / asked.length)
    around = _SATURATION * (1 - _NEAR_BY_LENGTH + _NEAR_BY_LENGTH * len(one.near) / near_length)
    score = 0.0
    for (term, rarity), times in zip(looked_for, said, strict=True):
        if times:
            score += rarity * times * (1 + _SATURATION) / (times + own)
        elif term in one.near:
            score += weights.near * rarity * (1 + _SATURATION) / (1 + around)
    if names and (named := names.intersection(one.speaker.split())):
        score += weights.named * sum(asked.rarity[name] for name in named)
        score *= weights.speaker
    if one.conversation is not None:
        score += weights.conversation * together[one.conversation]
    score *= 1 - _NOD * math.exp(-words / _SHORT)
    if asked.when and not _TIMES.isdisjoint(one.content.split()):
        score += weights.says_when
    if (asked.spans or weights.recency) and (created := moment(one.created_at)) is not None:
        if any(_within(created, span) for span in asked.spans):
            score *= weights.in_time
        days = max((asked.now - created).total_seconds() / 86400, 0)
        score *= 1 + weights.recency * 0.5 ** (days / weights.half_life_days)
    return score * (1 + weights.priority * ((0.5 if one.priority is None else one.priority) - 0.5))


def moment(text: str) -> datetime | None:
    """None for what another program wrote there that is no time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _within(moment: datetime, span: Span) -> bool:
    since, until = span
    return (since is None or since <= moment) and (until is None or moment < until)


def _together(
    asked: Asked, candidates: Sequence[Candidate], said: Sequence[Sequence[int]], names: set[str]
) -> dict[str | None, float]:
    """How well each conversation's candidates fit the question together. Names of who speaks say
    nothing there: they are everywhere in it."""
    having: dict[str | None, list[int]] = {}
    for one, times in zip(candidates, said, strict=True):
        counts = having.setdefault(one.conversation, [0] * len(times))
        for place, count in enumerate(times):
            counts[place] += count > 0
    rarities = [0.0 if term in names else rarity for term, rarity in asked.rarity.items()]
    return {
        conversation: sum(
            rarity * times * (1 + _TOGETHER_SATURATION) / (times + _TOGETHER_SATURATION)
            for rarity, times in zip(rarities, counts, strict=True)
        )
        for conversation, counts in having.items()
    }
