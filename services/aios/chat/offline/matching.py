"""How a phrase is found in a sentence.

In order (`says`): every word of the sentence is a word of the phrase, in a slot, or a filler.
In any order (`about`, for reading only): the words of the phrase are there, and what is left
over says little: nothing that another phrase knows, nothing typed, nothing behind a preposition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aios.chat.offline.intents import Intent
from aios.chat.offline.lexicon import Lexicon
from aios.chat.offline.phrases import Choice, Node, Nodes, Phrase, Slot, Word
from aios.chat.offline.sentence import Kind, Token
from aios.chat.offline.slots import Slots
from aios.chat.offline.values import Value

Bound = tuple[tuple[str, Value], ...]
_COVERAGE = 0.7
_TELLING, _SILENT = 4, 1  # how much a word of a phrase makes it the fitting one
_INTRODUCERS = frozenset(
    [
        "of",
        "in",
        "for",
        "on",
        "from",
        "by",
        "about",
        "at",
        "to",
        "with",
        "under",
        "inside",
        "into",
        "than",
        "and",
        "then",
    ]
)


@dataclass(frozen=True, slots=True)
class Reading:
    intent: Intent
    values: dict[str, Value]
    coverage: float
    weight: int  # of the words of the sentence that the phrase itself names

    @property
    def rank(self) -> tuple[float, int, int]:
        return (self.coverage, self.weight + 2 * self.intent.rank, -len(self.values))


def leads_to_path(slots: Slots, tokens: Sequence[Token], place: int) -> bool:
    if tokens[place].word not in ("under", "inside", "within", "below", "beneath", "underneath"):
        return False
    place += 1
    while place < len(tokens) and tokens[place].word in ("the", "my", "this"):
        place += 1
    return next(slots.read("path", tokens, place), None) is not None


@dataclass(frozen=True, slots=True)
class Matcher:
    lexicon: Lexicon
    slots: Slots

    def in_order(self, phrase: Phrase, intent: Intent, tokens: Sequence[Token]) -> Reading | None:
        fillers = self.lexicon.light if intent.changes else self.lexicon.reading
        if phrase.exact:
            fillers = frozenset()
        run = _Run(
            self.slots,
            tokens,
            fillers,
            self.lexicon.reading,
            prepositions=not (intent.changes or phrase.exact),
        )
        best: Reading | None = None
        for end, bound, weight in run.sequence(phrase.nodes, 0):
            if run.only_fillers(end):
                reading = Reading(intent, dict(bound), 1.0, weight)
                if best is None or reading.rank > best.rank:
                    best = reading
        return best

    def in_any_order(
        self, phrase: Phrase, intent: Intent, tokens: Sequence[Token]
    ) -> Reading | None:
        used: set[int] = set()
        values: dict[str, Value] = {}
        weight = 0
        for node in phrase.nodes:
            taken = self._anywhere(node, tokens, used, values)
            if taken is None:
                return None
            weight += taken
        for name, kind in intent.slots.items():
            if name not in values:
                self._fill(Slot(name, kind), tokens, used, values)
        content = explained = 0
        for place, token in enumerate(tokens):
            if place in used:
                content += 1
                explained += 1
            elif (
                token.kind is Kind.COMMA
                or token.word in self.lexicon.reading
                or leads_to_path(self.slots, tokens, place)
            ):
                continue
            elif token.word in intent.also:
                content += 1
                explained += 1
            elif self._matters(tokens, place):
                return None
            else:
                content += 1
        coverage = explained / content if content else 0.0
        if coverage < _COVERAGE:
            return None
        return Reading(intent, values, coverage, weight)

    def _matters(self, tokens: Sequence[Token], place: int) -> bool:
        token = tokens[place]
        if token.kind is not Kind.WORD or token.word in self.lexicon.critical:
            return True
        if token.word in self.lexicon.vocabulary or token.possessive:
            return True
        before = place - 1
        while before >= 0 and tokens[before].word in self.lexicon.light:
            before -= 1
        return before >= 0 and tokens[before].word in _INTRODUCERS | {","}

    def _anywhere(
        self, node: Node, tokens: Sequence[Token], used: set[int], values: dict[str, Value]
    ) -> int | None:
        if isinstance(node, Word):
            for place, token in enumerate(tokens):
                if place not in used and node.is_said(token):
                    used.add(place)
                    return _SILENT if token.word in self.lexicon.reading else _TELLING
            return None
        if isinstance(node, Slot):
            return _TELLING if self._fill(node, tokens, used, values) else None
        for option in node.options:
            trial, kept = set(used), dict(values)
            weights = [self._anywhere(part, tokens, trial, kept) for part in option]
            if all(weight is not None for weight in weights):
                used |= trial
                values.update(kept)
                return sum(weight or 0 for weight in weights)
        return 0 if node.optional else None

    def _fill(
        self, slot: Slot, tokens: Sequence[Token], used: set[int], values: dict[str, Value]
    ) -> bool:
        for place in range(len(tokens)):
            for value, end in self.slots.read(slot.type, tokens, place):
                places = set(range(place, end))
                if not places & used:
                    used |= places
                    values[slot.name] = value
                    return True
        return False


@dataclass(frozen=True, slots=True)
class _Run:
    slots: Slots
    tokens: Sequence[Token]
    fillers: frozenset[str]
    silent: frozenset[str]  # words that make no phrase more fitting than another
    prepositions: bool  # "under" and the like before a path say no more than "in"

    def _filler(self, place: int) -> bool:
        token = self.tokens[place]
        if token.kind is Kind.COMMA:
            return True
        if token.kind is not Kind.WORD or token.possessive:
            return False
        return token.word in self.fillers or (
            self.prepositions and leads_to_path(self.slots, self.tokens, place)
        )

    def only_fillers(self, place: int) -> bool:
        return all(self._filler(rest) for rest in range(place, len(self.tokens)))

    def sequence(self, nodes: Nodes, place: int) -> Iterator[tuple[int, Bound, int]]:
        if not nodes:
            yield place, (), 0
            return
        for end, bound, weight in self._node(nodes[0], place):
            for last, more, rest in self.sequence(nodes[1:], end):
                yield last, bound + more, weight + rest

    def _node(self, node: Node, place: int) -> Iterator[tuple[int, Bound, int]]:
        if isinstance(node, Choice):
            for option in node.options:
                yield from self.sequence(option, place)
            if node.optional:
                yield place, (), 0
            return
        while place < len(self.tokens):
            token = self.tokens[place]
            if isinstance(node, Slot):
                for value, end in self.slots.read(node.type, self.tokens, place):
                    yield end, ((node.name, value),), 0
            elif node.is_said(token):
                yield place + 1, (), _SILENT if token.word in self.silent else _TELLING
            if not self._filler(place):
                return
            place += 1
