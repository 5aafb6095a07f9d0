"""Words of texts and of queries, as the index holds them. Standard library only.

Runs of Japanese, Chinese or Thai, which have no spaces, stand there as their pairs of neighbouring
characters.
"""

import re
import unicodedata
from collections.abc import Iterable

from aios.memory.stem import stem

MAX_TERMS = 64
_QUESTION_WORDS = """
    a about an and any are as at be been by can could did do does for from had has have how i
    if in is it its me my of on or our please shall should so tell that the their them then there
    these they this those to us was we were what when where which who whom whose why will with
    would you your
"""
QUESTION_WORDS = frozenset(_QUESTION_WORDS.split())
# Thai, Lao, Myanmar, Khmer, Hiragana, Katakana, Han: no spaces between words.
_UNSEGMENTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
_WORD = re.compile(r"[^\W_]+")
_SHORT_FORM = re.compile("(?<=[a-z])['\u2019](?:s|t|d|m|re|ve|ll)\\b")
# Latin letters without their accents; elsewhere marks are letters.
_UNMARKED = {
    code: unicodedata.normalize("NFD", chr(code))[0]
    for code in range(0xC0, 0x250)
    if unicodedata.normalize("NFD", chr(code)) != chr(code)
}
_HIRAGANA = re.compile("[\u3041-\u309f]+")


def fold(text: str) -> str:
    """Case and width do not matter."""
    return unicodedata.normalize("NFKC", text).casefold()


def pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)] or [run]


def _spaced(run: re.Match[str]) -> str:
    return " ".join(["", *pairs(run[0]), run[0][-1], ""])


def spread(text: str) -> str:
    """A text for the index. A run's last character stands there alone too, so that every
    character of it begins a word."""
    return _UNSEGMENTED.sub(_spaced, fold(text))


def stems(text: str) -> list[str]:
    """All words of a text in order, without their endings and marks, as the index holds them; runs
    without spaces as their pairs, and the last character alone."""
    plain = _SHORT_FORM.sub(" ", fold(text).translate(_UNMARKED))
    return [stem(word) for word in _WORD.findall(_UNSEGMENTED.sub(_spaced, plain))]


def asked(query: str) -> list[str]:
    """The stems of what a query asks for."""
    return list(dict.fromkeys(one for term in terms(query) for one in _stemmed(term)))


def _stemmed(term: str) -> list[str]:
    if _UNSEGMENTED.fullmatch(term):
        return [term]
    return [stem(part) for part in _WORD.findall(term.translate(_UNMARKED))]


def terms(query: str) -> list[str]:
    """What a query asks for: words, question words only if there is nothing else; and pairs of
    unsegmented characters, Hiragana, which beside other scripts is mostly grammar, likewise."""
    folded = _SHORT_FORM.sub(" ", fold(query))
    runs = _UNSEGMENTED.findall(folded)
    telling = [part for run in runs for part in _HIRAGANA.split(run) if part] or runs
    found = re.findall(r"\w+", _UNSEGMENTED.sub(" ", folded))
    chosen = [word for word in found if word not in QUESTION_WORDS]
    chosen += [pair for run in telling for pair in pairs(run)]
    return list(dict.fromkeys(chosen or found))[:MAX_TERMS]


def match(wanted: Iterable[str]) -> str:
    """An FTS5 query for any of the stems. Quoted, a stem is nothing but text; a single unsegmented
    character is the beginning of a pair."""
    return " OR ".join(f'"{term}"*' if is_opening(term) else f'"{term}"' for term in wanted)


def is_opening(term: str) -> bool:
    return len(term) == 1 and _UNSEGMENTED.fullmatch(term) is not None
