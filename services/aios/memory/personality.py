"""Layer 3 without an AI: a questionnaire, and an indication from words. Standard library only.

The statements are the Mini-IPIP (Donnellan, Oswald, Baird, Lucas 2006; 20 items of the
International Personality Item Pool, which is in the public domain): four for each trait, some
keyed the other way round, answered from 1 (very inaccurate) to 5 (very accurate).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aios.errors import InvalidOption
from aios.memory.analyses import TRAITS
from aios.memory.words import fold

LOW, HIGH = 1, 5
SCALE = (
    "very inaccurate",
    "moderately inaccurate",
    "neither",
    "moderately accurate",
    "very accurate",
)


@dataclass(frozen=True)
class Item:
    text: str
    trait: str
    reversed: bool = False


_O, _C, _E, _A, _N = TRAITS
ITEMS = (
    Item("Am the life of the party.", _E),
    Item("Sympathize with others' feelings.", _A),
    Item("Get chores done right away.", _C),
    Item("Have frequent mood swings.", _N),
    Item("Have a vivid imagination.", _O),
    Item("Don't talk a lot.", _E, reversed=True),
    Item("Am not interested in other people's problems.", _A, reversed=True),
    Item("Often forget to put things back in their proper place.", _C, reversed=True),
    Item("Am relaxed most of the time.", _N, reversed=True),
    Item("Am not interested in abstract ideas.", _O, reversed=True),
    Item("Talk to a lot of different people at parties.", _E),
    Item("Feel others' emotions.", _A),
    Item("Like order.", _C),
    Item("Get upset easily.", _N),
    Item("Have difficulty understanding abstract ideas.", _O, reversed=True),
    Item("Keep in the background.", _E, reversed=True),
    Item("Am not really interested in others.", _A, reversed=True),
    Item("Make a mess of things.", _C, reversed=True),
    Item("Seldom feel blue.", _N, reversed=True),
    Item("Do not have a good imagination.", _O, reversed=True),
)


def score(answers: Sequence[int]) -> dict[str, float]:
    """Trait → 0..1: the mean of its four answers. Raises InvalidOption unless there are 20 of
    1..5."""
    if len(answers) != len(ITEMS):
        raise InvalidOption(f"{len(ITEMS)} answers are needed, there are {len(answers)}")
    summed = dict.fromkeys(TRAITS, 0)
    for place, (item, answer) in enumerate(zip(ITEMS, answers, strict=True), 1):
        if isinstance(answer, bool) or not isinstance(answer, int) or not LOW <= answer <= HIGH:
            raise InvalidOption(f"answer {place} must be {LOW} to {HIGH}, not {answer!r}")
        summed[item.trait] += HIGH + LOW - answer if item.reversed else answer
    count = len(ITEMS) // len(TRAITS)
    return {name: (total / count - LOW) / (HIGH - LOW) for name, total in summed.items()}


def summary(traits: dict[str, float]) -> str:
    told = ", ".join(f"{name} {value:.2f}" for name, value in traits.items())
    return f"By the person's own answers to the Mini-IPIP questionnaire: {told}."


# Words that go with a trait (more of the first, less of the second) in what people write; such
# links are weak (correlations of 0.1 to 0.3), and so is what is made of them here.
_CUES = {
    _O: ("art book books curious dream explore idea ideas imagine invent learn music novel"
         " philosophy poem poetry theory universe wonder world",
         "boring normal ordinary routine usual"),
    _C: ("achieve careful complete completed deadline done finish finished goal organize organized"
         " plan planned plans ready schedule task tasks tidy work",
         "forget forgot late lazy lost mess procrastinate skip skipped"),
    _E: ("chat crowd dance everybody everyone excited friends fun group laugh love met party people"
         " talk talked team together we",
         "alone computer home lonely myself quiet silence"),
    _A: ("appreciate care family forgive glad gift help helped helping hug kind nice share thank"
         " thanks trust welcome",
         "damn fight fool hate idiot stupid worst"),
    _N: ("afraid angry anxious awful bad cry depressed fear guilty hurt nervous panic sad scared"
         " stress stressed terrible tired upset worried worry",
         "calm confident content fine peaceful relaxed safe"),
}  # fmt: skip
FLOOR_WORDS = 2000
FLOOR_CUES = 5
"""For each trait."""
_MOST_CONFIDENCE = 0.4
_WORDS_FOR_MOST = 50_000
_SWING = 0.25
_PRIOR = 20
"""Cues of no tendency that are imagined beside the real ones."""


@dataclass(frozen=True)
class Indication:
    traits: dict[str, float]
    """Only those for which there are cues enough."""
    confidence: float
    words: int
    cues: dict[str, int]

    def fields(self) -> dict[str, Any]:
        return {**asdict(self), "method": "words in what is remembered; not a test"}


def indicate(texts: Iterable[str]) -> Indication:
    """Raises InvalidOption below the floor: few words say nothing about a person."""
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(re.findall(r"[a-z']+", fold(text)))
    words = counted.total()
    cues: dict[str, int] = {}
    traits: dict[str, float] = {}
    for name, (more, less) in _CUES.items():
        high = sum(counted[word] for word in more.split())
        low = sum(counted[word] for word in less.split())
        cues[name] = high + low
        if high + low >= FLOOR_CUES:
            traits[name] = 0.5 + _SWING * (high - low) / (high + low + _PRIOR)
    if words < FLOOR_WORDS or not traits:
        raise InvalidOption(
            f"too little to go by: {words} English words with {sum(cues.values())} cues; it takes"
            f" {FLOOR_WORDS} words and {FLOOR_CUES} cues for a trait",
            hint="`aigpt personality` asks 20 questions instead",
        )
    confidence = _MOST_CONFIDENCE * min(words / _WORDS_FOR_MOST, 1.0) ** 0.5
    return Indication(traits, round(confidence, 2), words, cues)
