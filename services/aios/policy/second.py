"""A second opinion on what a line runs: tree-sitter-bash, which can only raise a decision.

It has its own mistakes (POLICY.md names them), so it proves nothing: a command that only it sees
is judged like any other, and makes the line unclear, as an error of its does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aios.errors import ConfigError
from aios.policy.reader import read
from aios.policy.syntax import Line, Simple
from aios.policy.words import ANY, NAME, PATH, SPLIT

if TYPE_CHECKING:
    from tree_sitter import Node

# Where it finds an error, its time is quadratic: beyond this many bytes the first one ends it.
_UNWATCHED = 2048
_CHUNK = 4096
_LOOPED = re.compile(f"[{NAME}{PATH}]")
_PIPES = 512  # likewise in the length of a pipeline
# What it takes for a command's name is a reserved word.
_PLAIN = re.compile(rb"(?!time |coproc )[A-Za-z0-9_./:@%+,-]+(?: [A-Za-z0-9_./:=@%+,-]+)*")


class Opinion(NamedTuple):
    unclear: str = ""
    unseen: tuple[Simple, ...] = ()
    """Commands that the strict reader did not find."""


@cache
def _reader() -> Callable[[bytes], tuple[bool, list[bytes]]]:
    """What parses: whether there is an error, and the text of each simple command."""
    try:
        import tree_sitter_bash
        from tree_sitter import Language, Parser, Query, QueryCursor
    except ImportError as error:
        raise ConfigError(
            f"no second reading of commands: {error}",
            hint="aios needs the Python packages tree-sitter and tree-sitter-bash",
        ) from error
    language = Language(tree_sitter_bash.language())
    parser = Parser(language)
    query = Query(language, "(command) @command")

    def found(data: bytes) -> tuple[bool, list[bytes]]:
        if len(data) <= _UNWATCHED:
            tree = parser.parse(data)
        else:
            try:
                tree = parser.parse(
                    lambda offset, _point: data[offset : offset + _CHUNK],
                    progress_callback=lambda _offset, wrong: wrong,  # true ends it
                )
            except ValueError:
                parser.reset()
                return True, []
        root = tree.root_node
        if root.has_error and len(data) > _UNWATCHED:
            return True, []
        nodes: list[Node] = QueryCursor(query).captures(root).get("command", [])
        return root.has_error, [text for node in nodes if (text := node.text) is not None]

    return found


def require() -> None:
    """Raises ConfigError where there is no second opinion to be had."""
    _reader()


def opinion(text: str, line: Line) -> Opinion:
    """What tree-sitter sees in `text` that `line`, its strict reading, does not hold."""
    if text.count("|") > _PIPES or (line.broken and len(text) > _UNWATCHED):
        return Opinion("too long for a second reading")
    wrong, commands = _reader()(text.encode("utf-8", "replace"))
    mine = {tuple(simple.words) for simple in line.commands}
    # Within a loop what it is over is known; a command by itself has only its variable.
    for words in [words for words in mine if any(map(_LOOPED.search, words))]:
        mine |= {tuple(_LOOPED.sub(mark, word) for word in words) for mark in (ANY, SPLIT)}
    unclear = "a second reader finds an error" if wrong else ""
    unseen: list[Simple] = []
    for data in dict.fromkeys(commands):
        if _PLAIN.fullmatch(data):
            words = tuple(data.decode("ascii").split(" "))
            if words not in mine and not _is_part_of(words, mine):
                unseen.append(Simple(words=list(words)))
            continue
        again = read(data.decode("utf-8", "replace"))
        if again.broken:
            unclear = "a second reader sees other commands"
        unseen += [
            simple
            for simple in again.commands
            if tuple(simple.words) not in mine and not _is_part_of(tuple(simple.words), mine)
        ]
    if unseen:
        unclear = "a second reader sees other commands"
    return Opinion(unclear, tuple(unseen))


def _is_part_of(words: tuple[str, ...], mine: set[tuple[str, ...]]) -> bool:
    """Whether these are some of the words of a command that was found: `ls > x y` is cut at x."""
    return not words or any(
        wide[:1] == words[:1] and frozenset(wide).issuperset(words) for wide in mine
    )
