"""The commands that find and fd run on what they find."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from aios.policy.words import ANY, SPLIT

_RUNS = frozenset(("-exec", "-execdir", "-ok", "-okdir"))
_TESTS = frozenset(
    ("-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex", "-lname", "-inum")
)
_WIDENS = frozenset(("-o", "-or", ",", "!", "-not"))
_FD_RUNS = frozenset(("-x", "-X", "--exec", "--exec-batch"))


def find_commands(words: Sequence[str]) -> Iterator[tuple[list[str], bool]]:
    """(words, whether it runs for certain) of each. -delete is as much as rm's."""
    start = 1
    while start < len(words) and words[start][:2] in ("-H", "-L", "-P", "-O", "-D"):
        start += 2 if words[start] == "-D" else 1
    end = start
    while end < len(words) and words[end][:1] not in ("-", "(", "!", ","):
        end += 1
    expression = words[end:]
    targets = _targets(words[start:end] or ["."], expression)
    index = 0
    while index < len(expression):
        word = expression[index]
        index += 1
        if word in _RUNS:
            stop = index
            while stop < len(expression) and expression[stop] not in (";", "+"):
                stop += 1
            if inner := _filled(expression[index:stop], targets):
                yield inner, True
            index = stop + 1
        elif word == "-delete":
            yield ["rm", "-r", "-f", *targets], False


def _targets(roots: Sequence[str], expression: Sequence[str]) -> list[str]:
    """What it finds: the roots, or something in them where its tests are narrow."""
    narrow = not _WIDENS.intersection(expression) and any(
        word in _TESTS and re.search(r"[A-Za-z0-9]", following)
        for word, following in pairwise(expression)
    )
    return [root.rstrip("/") + "/found" for root in roots] if narrow else list(roots)


def _filled(words: Sequence[str], targets: Sequence[str]) -> list[str]:
    inner: list[str] = []
    for word in words:
        if word == "{}":
            inner += targets
        elif "{}" in word:
            inner += [word.replace("{}", target) for target in targets]
        else:
            inner.append(word)
    return inner


def fd_command(words: Sequence[str]) -> list[str]:
    """Empty: it runs none."""
    for index, word in enumerate(words):
        if word in _FD_RUNS:
            return [*(ANY if found == "{}" else found for found in words[index + 1 :]), SPLIT]
    return []
