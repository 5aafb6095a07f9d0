"""Loose readings: what the strict reader gave up on, cut at everything that could end a command.

They only ever raise a decision. Every word that could be a command's name starts a
possible command, quotes or not, so this finds too much rather than too little.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator

from aios.policy.words import CLOSE, COMMA, HOME, ONE, OPEN, SPLIT, STAR, Unclear, expand_braces

MAX_TEXT = 1 << 20
_WINDOW = 48  # words of one possible command that are looked at

_CUT = re.compile(r"[;|&\n(){}`]+")
_EXPANSION = re.compile(
    r"\$(?:\{[^}\s]{0,64}\}|[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]|[\ue000-\ue006])"
)
_REMOVED = re.compile(r"[\"'\\]+|\$(?=[\"'])")
_ODD = re.compile(r"[^\x20-\x7e\n\u0100-\u1fff\u2c00-\ud7ff\ue000-\ue006]")
_JOINTS = re.compile(r"[=:!,@\[\]]+")  # --checkpoint-action=exec=rm, :!rm
_ESCAPE = re.compile(r"\\+(?:([nrtv])|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([0-7]{3}))")
_BRACES = re.compile(r"[^\s;|&()]{0,64}\{[^{}\s]{0,64},[^{}\s]{0,64}\}[^\s;|&()]{0,64}")
_LIVE_BRACES = str.maketrans({"{": OPEN, ",": COMMA, "}": CLOSE})
_GLOBS = str.maketrans({"*": STAR, "?": ONE})
_ENCODED = re.compile(r"[A-Za-z0-9+/]{8,4096}={0,2}")
_STRINGS = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`([^`]*)`")


def possible_commands(text: str, is_name: Callable[[str], bool]) -> Iterator[list[str]]:
    """Each stretch of words in `text` that begins with a word for which `is_name` holds."""
    text = _BRACES.sub(_expanded, text[:MAX_TEXT].replace("\\\n", ""))
    for variant in _variants(text):
        for stretch in _CUT.split(variant):
            words = stretch.split()
            for index, word in enumerate(words):
                if is_name(word):
                    yield [_live(found) for found in words[index : index + _WINDOW]]


def _variants(text: str) -> Iterator[str]:
    """The text with quotes dropped; and with its odd characters as blanks, or as nothing."""
    bare = _REMOVED.sub("", _EXPANSION.sub(SPLIT, text))
    if _ODD.search(text):
        yield _ODD.sub(" ", bare)
        yield _ODD.sub("", bare)
    else:
        yield bare
    yield _JOINTS.sub(" ", bare)
    if "\\" in text:  # code in a string of another language, or $'...'
        yield _REMOVED.sub("", _ESCAPE.sub(_unescaped, text))


def strings_in(code: str) -> list[str]:
    """The quoted strings of a program in some other language, and the program itself."""
    found = [next(filter(None, match), "") for match in _STRINGS.findall(code[:MAX_TEXT])]
    decoded = [_decoded(match.group()) for match in _ENCODED.finditer(code[:MAX_TEXT])]
    return [code, *(text for text in found + decoded if text)]


def _decoded(text: str) -> str:
    """What `base64 -d` or `xxd -r -p` would make of it, where that is plain text."""
    for decode in (bytes.fromhex, b64decode):
        try:
            plain = decode(text).decode("ascii")
        except ValueError:
            continue
        if plain.strip().isprintable():
            return plain
    return ""


def _unescaped(match: re.Match[str]) -> str:
    letter, byte, unicode, octal = match.groups()
    if letter:
        return "\n" if letter == "n" else " "
    code = int(octal, 8) if octal else int(byte or unicode, 16)
    return chr(code) if 0x20 <= code < 0x7F else " "


def _expanded(match: re.Match[str]) -> str:
    try:
        return " ".join(expand_braces(match.group().translate(_LIVE_BRACES)))
    except Unclear:
        return match.group()


def _live(word: str) -> str:
    word = word.translate(_GLOBS)
    return HOME + word[1:] if word.startswith("~") else word
