from collections import Counter
from collections.abc import Sequence
from math import log

from aios.chat.offline.intents import Intent
from aios.chat.offline.lexicon import Lexicon
from aios.chat.offline.matching import Matcher, Reading
from aios.chat.offline.phrases import words_of
from aios.chat.offline.sentence import Kind, Token
from aios.chat.offline.values import Value

_NEAR = 0.5  # of what the sentence says, weighted by how telling its words are
_MOST = 6


class Suggestions:
    """Reading intents that share the telling words of a sentence: shown, never run."""

    def __init__(self, intents: Sequence[Intent], lexicon: Lexicon, matcher: Matcher) -> None:
        self._lexicon = lexicon
        self._matcher = matcher
        self._words = {
            intent: frozenset(
                word
                for phrase in intent.says + intent.about
                for word in words_of(phrase.nodes)
                if word not in lexicon.reading
            )
            for intent in intents
            if not intent.changes and not intent.question
        }
        counts = Counter(word for words in self._words.values() for word in words)
        self._weights = {word: log(1 + len(self._words) / count) for word, count in counts.items()}

    def near(self, tokens: Sequence[Token]) -> list[Reading]:
        """The nearest first."""
        said = {
            t.word for t in tokens if t.kind is Kind.WORD and t.word not in self._lexicon.reading
        }
        if said & self._lexicon.critical:
            return []
        unknown = max(self._weights.values(), default=1.0) / 2
        total = sum(self._weights.get(word, unknown) for word in said)
        scored = []
        for intent, words in self._words.items():
            shared = sum(self._weights[word] for word in words & said)
            if total and shared / total >= _NEAR:
                scored.append((shared / total - len(words) / 1000, intent))
        scored.sort(key=lambda pair: -pair[0])
        return [self._filled(intent, tokens) for _, intent in scored[:_MOST]]

    def _filled(self, intent: Intent, tokens: Sequence[Token]) -> Reading:
        values: dict[str, Value] = {}
        types = {slot.name: slot.type for p in intent.says + intent.about for slot in p.slots()}
        for name, kind in (types | intent.slots).items():
            for place, token in enumerate(tokens):
                if token.word in self._lexicon.vocabulary and kind not in ("path", "paths"):
                    continue
                if found := next(self._matcher.slots.read(kind, tokens, place), None):
                    values.setdefault(name, found[0])
                    break
        return Reading(intent, values, 0.0, 0)
