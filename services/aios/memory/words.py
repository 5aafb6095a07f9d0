"""Words of texts and of queries, as the index holds them. Standard library only.

FTS5's unicode61 takes a run of Japanese, Chinese or Thai, and Latin letters beside it, as one
word. So such runs go into the index as their pairs of neighbouring characters.
"""

import re
import unicodedata

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
_HIRAGANA = re.compile("[\u3041-\u309f]+")


def fold(text: str) -> str:
    """Case and width do not matter."""
    return unicodedata.normalize("NFKC", text).casefold()


def pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)] or [run]


def spread(text: str) -> str:
    """A text for the index. A run's last character stands there alone too, so that every
    character of it begins a word."""
    return _UNSEGMENTED.sub(lambda run: " ".join(["", *pairs(run[0]), run[0][-1], ""]), fold(text))


def terms(query: str) -> list[str]:
    """What a query asks for: words, question words only if there is nothing else; and pairs of
    unsegmented characters, Hiragana, which beside other scripts is mostly grammar, likewise."""
    folded = fold(query)
    runs = _UNSEGMENTED.findall(folded)
    telling = [part for run in runs for part in _HIRAGANA.split(run) if part] or runs
    found = re.findall(r"\w+", _UNSEGMENTED.sub(" ", folded))
    chosen = [word for word in found if word not in QUESTION_WORDS]
    chosen += [pair for run in telling for pair in pairs(run)]
    return list(dict.fromkeys(chosen or found))[:MAX_TERMS]


def match(wanted: list[str]) -> str:
    """An FTS5 query for any of the terms. Quoted, a term is nothing but text; a single
    unsegmented character is the beginning of a pair."""
    return " OR ".join(
        f'"{term}"*' if _UNSEGMENTED.fullmatch(term) and len(term) == 1 else f'"{term}"'
        for term in wanted
    )
