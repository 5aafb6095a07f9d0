"""Words as the shell would make them, with what is not known marked in place.

A word is a plain `str`. What only the running shell can know stands in it as one
private-use character, so that everything after the reader works on strings. Text
that holds such characters itself never gets past the reader.
"""

from __future__ import annotations

import re
from itertools import pairwise

ANY = "\ue000"  # unknown text within one word: "$X"
SPLIT = "\ue001"  # unknown text that may be no word, one, or many: $X
STAR = "\ue002"  # a live *
ONE = "\ue003"  # a live ? or [...]
HOME = "\ue004"  # the home directory: a live ~, or $HOME
NAME = "\ue005"  # one of a loop's plain names: no blank, no slash, no - or . at its beginning
PATH = "\ue006"  # one of a loop's paths: no blank, no - at its beginning

OPEN = "\ue010"  # live braces and commas, gone after expand_braces
COMMA = "\ue011"
CLOSE = "\ue012"
QUOTED = "\ue013"  # quotes within live braces: no {1..3} is made of what they hold

_DYNAMIC = re.compile(f"[{ANY}-{PATH}]")
_UNKNOWN = re.compile(f"[{ANY}{SPLIT}{PATH}]")
_MANY = re.compile(f"[{SPLIT}-{ONE}]")
_BACK = str.maketrans({OPEN: "{", COMMA: ",", CLOSE: "}", QUOTED: None})
_SHOWN = str.maketrans(
    {ANY: "<?>", SPLIT: "<?>", STAR: "*", ONE: "?", HOME: "~", NAME: "<?>", PATH: "<?>"}
)
_BARE = re.compile(r"[A-Za-z0-9_./:=@%+,^\ue000-\ue006\[\]{}~-]+")
_SEQUENCE = re.compile(r"(-?[0-9]{1,6}|[A-Za-z])\.\.(-?[0-9]{1,6}|[A-Za-z])(?:\.\.(-?[0-9]{1,6}))?")

MAX_WORDS = 512


class Unclear(Exception):
    """What the strict reader does not know, or what is past a cap."""


def is_dynamic(word: str) -> bool:
    return not word.isascii() and _DYNAMIC.search(word) is not None


def may_vanish(word: str) -> bool:
    """Whether an unquoted expansion is all there is to the word."""
    return bool(word) and not word.strip(SPLIT)


def starts_unknown(word: str) -> bool:
    """Whether the word could turn out to be an option."""
    return word[:1] in (ANY, SPLIT, STAR, ONE)


def may_be_many(word: str) -> bool:
    """Whether the shell may make several words of it, each of them any text."""
    return not word.isascii() and _MANY.search(word) is not None


def is_unknown(word: str) -> bool:
    return not word.isascii() and _UNKNOWN.search(word) is not None


def show(word: str) -> str:
    """One word as a person would write it; control characters are escaped."""
    if _BARE.fullmatch(word):
        return word if word.isascii() else word.translate(_SHOWN)
    if word.isprintable() or is_dynamic(word):
        return "'" + word.replace("'", "'\\''").translate(_SHOWN) + "'"
    return "$'" + word.encode("unicode_escape").decode("ascii").replace("'", "\\'") + "'"


def show_all(words: list[str] | tuple[str, ...]) -> str:
    text = " ".join(words)
    if text.isascii() and _BARE.fullmatch("".join(words)) and all(words):
        return text
    return " ".join([word if word.isascii() and word.isalnum() else show(word) for word in words])


def unexpanded(word: str) -> str:
    """The word where bash does no brace expansion."""
    return word.translate(_BACK)


def expand_braces(word: str) -> list[str]:
    """Brace expansion as bash does it, before every other expansion.

    Raises Unclear on braces whose nesting is not plain: bash has rules for those
    that differ between versions.
    """
    if OPEN not in word and CLOSE not in word:
        return [unexpanded(word)]
    found = _expand(word)
    if len(found) > MAX_WORDS:
        raise Unclear("too many words from braces")
    return [unexpanded(part) for part in found]


def _expand(word: str, depth: int = 0) -> list[str]:
    start = word.find(OPEN)
    if start < 0 or depth > 16:
        if depth > 16 or (CLOSE in word and COMMA in word):
            raise Unclear("unbalanced braces")
        return [word]
    level, cuts = 0, [start]
    for index in range(start, len(word)):
        char = word[index]
        if char == OPEN:
            level += 1
        elif char == CLOSE:
            level -= 1
            if level == 0:
                break
        elif char == COMMA and level == 1:
            cuts.append(index)
    else:
        if COMMA in word or ".." in word:
            raise Unclear("unbalanced braces")
        return [word]
    cuts.append(index)
    head, tails = word[:start], _expand(word[index + 1 :], depth + 1)
    if len(cuts) == 2:
        body = word[start + 1 : index]
        inner = _sequence(body)
        if inner is None:  # {x} is no expansion, but there may be one within it
            inner = ["{" + part + "}" for part in _expand(body, depth + 1)]
    else:
        inner = []
        for left, right in pairwise(cuts):
            inner += _expand(word[left + 1 : right], depth + 1)
    if len(inner) * len(tails) > MAX_WORDS:
        raise Unclear("too many words from braces")
    return [head + part + tail for part in inner for tail in tails]


def _sequence(body: str) -> list[str] | None:
    match = _SEQUENCE.fullmatch(body)
    if match is None:
        return None
    first, last, step_text = match.groups()
    letters = first.isalpha() and last.isalpha()
    if not letters and (first.isalpha() or last.isalpha()):
        return None
    low, high = (ord(first), ord(last)) if letters else (int(first), int(last))
    step = max(1, abs(int(step_text))) if step_text else 1
    count = abs(high - low) // step + 1
    if count > MAX_WORDS:
        raise Unclear("too many words from braces")
    width = max(len(first), len(last)) if _padded(first) or _padded(last) else 0
    values = (low + (step if high >= low else -step) * n for n in range(count))
    return [chr(value) if letters else f"{value:0{width}d}" for value in values]


def _padded(number: str) -> bool:
    digits = number.lstrip("-")
    return len(digits) > 1 and digits.startswith("0")
