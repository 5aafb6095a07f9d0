"""The language of phrases in the intent files.

install [package] <packages>      words, in order; [x] may be missing
(how big|size) <path>             one of several
disk|drive usage                  the same for single words
<from:path> to <to:path>          a slot's name and type; one word is both
line!                             as it is written: not "lines"
= who                             only just so: no filler may stand between
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aios.chat.offline.lexicon import Lexicon
from aios.chat.offline.sentence import Kind, Token


@dataclass(frozen=True, slots=True)
class Word:
    word: str

    def is_said(self, token: Token) -> bool:
        if token.kind is not Kind.WORD:
            return False
        if self.word.endswith("!"):
            return token.text.lower() == self.word[:-1]
        return token.word == self.word


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple["Nodes", ...]
    optional: bool = False


Node = Word | Slot | Choice
Nodes = tuple[Node, ...]
_PART = re.compile(r"<[a-z_]+(?::[a-z]+)?>|[()\[\]|]|[^\s()\[\]|<>]+")


@dataclass(frozen=True, slots=True)
class Phrase:
    text: str
    nodes: Nodes
    required: tuple[frozenset[str], ...]  # of each set, one word must be in the sentence
    exact: bool = False

    def slots(self) -> frozenset[Slot]:
        return frozenset(_slots(self.nodes))


class PhraseReader:
    """Reads phrases; what stands in brackets is the same in many of them and is read once."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._choices: dict[tuple[str, ...], Choice] = {}

    def read(self, text: str) -> Phrase:
        """Raises ValueError."""
        plain = text.removeprefix("= ")
        parts = tuple(_PART.findall(plain))
        if "".join(parts) != "".join(plain.split()):
            raise ValueError(f"not a phrase: {text}")
        nodes = self._sequence(parts)
        return Phrase(text, nodes, tuple(_required(nodes)), plain != text)

    def _sequence(self, parts: tuple[str, ...]) -> Nodes:
        nodes: list[Node] = []
        run: list[str] = []
        place = 0
        while place < len(parts):
            part = parts[place]
            end = place + 1
            if part in ("(", "["):
                end = _closing(parts, place) + 1
                node: Node = self._choice(parts[place:end])
            elif part.startswith("<"):
                name, _, kind = part[1:-1].partition(":")
                node = Slot(name, kind or name)
            elif part in (")", "]", "|"):
                raise ValueError("brackets or alternatives that do not fit")
            elif end < len(parts) and parts[end] == "|":
                while end < len(parts) and parts[end] == "|":
                    end += 2
                node = Choice(tuple((self._word(word),) for word in parts[place:end:2]))
            else:
                run.append(part)
                place = end
                continue
            nodes += self._words(run)
            run = []
            nodes.append(node)
            place = end
        return (*nodes, *self._words(run))

    def _choice(self, parts: tuple[str, ...]) -> Choice:
        known = self._choices.get(parts)
        if known is None:
            starts = [0, *_bars(parts), len(parts) - 1]
            options = (
                self._sequence(parts[start + 1 : end]) for start, end in itertools.pairwise(starts)
            )
            known = self._choices[parts] = Choice(tuple(options), optional=parts[0] == "[")
        return known

    def _words(self, run: list[str]) -> list[Word]:
        if len(run) == 1 or any(word.endswith("!") for word in run):
            return [self._word(word) for word in run]
        words = [word for word, _ in self._lexicon.canonical_words(run)]
        self._lexicon.vocabulary.update(words)
        return [Word(word) for word in words]

    def _word(self, word: str) -> Word:
        if word.endswith("!"):
            return Word(word)
        canonical = self._lexicon.canonical(word)
        self._lexicon.vocabulary.add(canonical)
        return Word(canonical)


def _closing(parts: tuple[str, ...], start: int) -> int:
    depth = 0
    for place in range(start, len(parts)):
        depth += (parts[place] in ("(", "[")) - (parts[place] in (")", "]"))
        if depth == 0:
            return place
    raise ValueError("a bracket is never closed")


def _bars(parts: tuple[str, ...]) -> Iterator[int]:
    """Where the alternatives between the outer brackets end."""
    depth = 0
    for place, part in enumerate(parts):
        depth += (part in ("(", "[")) - (part in (")", "]"))
        if depth == 1 and part == "|":
            yield place


def words_of(nodes: Nodes) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Word):
            if not node.word.endswith("!"):
                yield node.word
        elif isinstance(node, Choice):
            for option in node.options:
                yield from words_of(option)


def _slots(nodes: Nodes) -> Iterator[Slot]:
    for node in nodes:
        if isinstance(node, Slot):
            yield node
        elif isinstance(node, Choice):
            for option in node.options:
                yield from _slots(option)


def _required(nodes: Nodes) -> Iterator[frozenset[str]]:
    for node in nodes:
        if isinstance(node, Word):
            if not node.word.endswith("!"):
                yield frozenset({node.word})
        elif isinstance(node, Choice) and not node.optional:
            firsts = [next(_required(option), None) for option in node.options]
            if all(firsts):
                yield frozenset().union(*(first for first in firsts if first))
