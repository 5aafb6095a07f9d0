"""Phrases of time, found in a sentence before its words are matched. They stay relative
("yesterday") until they are resolved at a certain moment; what they mean is aios.memory.when's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aios.chat.offline.sentence import Kind, Token
from aios.memory import when

_LONGEST = 10  # words
_SOME_TIME = datetime(2026, 5, 14, 16, 20, tzinfo=UTC)
"""Whether words are a phrase of time does not depend on when they are said."""
# Names and verbs before they are dates or times; "who logged in today".
_NO_TIME = re.compile(
    r"(?:(?:on|at|about|around|in) )?(?:sun|sat|mon|wed|fri|thu|tue)"
    r"|(?:at |around |about )?(?:\d{1,2}:\d\d(?::\d\d)?|\d{1,2} ?[ap]m|noon|midday|midnight)"
    r"|in (?!the |\d{4}$|early |late |mid|january|february|march|april|may|june|july|august"
    r"|september|october|november|december|(?:past|last|this) ).*"
    r"|(?:on|at|about|around|for|from|over|within) (?:the )?(?:today|tonight|yesterday|this .*"
    r"|last night)|\d{4}|(?:the )?\d{1,2}(?:st|nd|rd|th)"
    r"|(?:by|from|starting|up to) .*|(?:since )?(?:recently|lately|of late|these days)"
)
_KINDS = (Kind.WORD, Kind.NUMBER, Kind.DATE, Kind.CLOCK)


@dataclass(frozen=True, slots=True)
class Window:
    since: datetime
    until: datetime
    label: str  # as it stands in an answer: "today", "since Tuesday"


@dataclass(frozen=True, slots=True)
class Period:
    phrase: str

    def resolve(self, now: datetime) -> Window:
        window = when.whole(self.phrase, now)
        if window is None or window.since is None:
            raise ValueError(f"not a phrase of time: {self.phrase}")
        return Window(window.since, min(window.until or now, now), window.label)


def find_periods(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens, with each phrase of time made one token."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token, length = _period_at(tokens, place)
        found.append(token)
        place += length
    return tuple(found)


def _period_at(tokens: Sequence[Token], place: int) -> tuple[Token, int]:
    words: list[str] = []
    for token in tokens[place : place + _LONGEST]:
        if token.kind not in _KINDS:
            break
        words.append(token.text.lower())
    for length in range(len(words), 0, -1):
        phrase = " ".join(words[:length])
        if not _NO_TIME.fullmatch(phrase):
            window = when.whole(phrase, _SOME_TIME)
            if window is not None and window.since is not None:
                return Token(phrase, "<when>", Kind.PERIOD, Period(phrase)), length
    return tokens[place], 1
