"""Slips of the finger in a question's own words; names are left as they are. Pure."""

import re
from functools import cache

from aios.memory.calendar_words import DAYS, MONTHS
from aios.memory.verbs import VERBS

_TELLING = """
    yesterday today tonight morning afternoon evening night last week month weekend hour hours
    days weeks minutes since before after between until failed failure failures worked succeeded
    commands command which what when machine service services package packages container history
    recently denied refused errors configured
"""
_TARGETS = (
    frozenset(word for word in VERBS if len(word) > 4)
    | set(_TELLING.split())
    | set(DAYS)
    | set(MONTHS)
)
_NOT_SLIPS = """
    install installer there where these those their other start stop starts state store every never
    fails field files folder build builder built while white along list least past server servers
    local docker podman nginx apache monitor update date data exited exit exits existed tests text
    mound found sound wrote write
"""
_KNOWN = _TARGETS | set(_NOT_SLIPS.split())
_WORD = re.compile(r"(?<![\w./@:+*=%~-])[a-z]{4,14}(?![\w./@:+*=%~-])")


def mended(text: str) -> str:
    return _WORD.sub(lambda match: _mended(match[0]), text)


@cache
def _mended(word: str) -> str:
    if word in _KNOWN or len(word) < 5:
        return word
    near = [target for target in _TARGETS if abs(len(target) - len(word)) < 2]
    close = [target for target in near if target[0] == word[0] and one_slip(word, target)]
    return close[0] if len(close) == 1 else word


def one_slip(word: str, target: str) -> bool:
    """One letter too many, too few or wrong, or two that changed places."""
    if len(word) == len(target):
        wrong = [place for place in range(len(word)) if word[place] != target[place]]
        if len(wrong) == 1:
            return True
        return (
            len(wrong) == 2
            and wrong[1] == wrong[0] + 1
            and word[wrong[0]] == target[wrong[1]]
            and word[wrong[1]] == target[wrong[0]]
        )
    longer, shorter = (word, target) if len(word) > len(target) else (target, word)
    return len(longer) == len(shorter) + 1 and any(
        longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer))
    )
