"""Rules by the command's name, then by a word they need, so that their number costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from aios.policy.decision import Decision
from aios.policy.patterns import Facts, LinePattern, Mild, has_glob, literal_prefix
from aios.policy.rules import Rule
from aios.policy.words import is_dynamic

_FEW = 8  # rules of one name that are simply tried


class _Prefixes:
    """Rules by the literal beginning of some word of theirs."""

    def __init__(self) -> None:
        self._rules: dict[str, list[Rule]] = {}
        self._lengths: list[int] = []

    def add(self, prefix: str, rule: Rule) -> None:
        self._rules.setdefault(prefix, []).append(rule)
        if len(prefix) not in self._lengths:
            self._lengths = sorted([*self._lengths, len(prefix)])

    def of(self, word: str) -> list[Rule]:
        found: list[Rule] = []
        for length in self._lengths:
            if length > len(word):
                break
            found += self._rules.get(word[:length], ())
        return found

    def all(self) -> list[Rule]:
        return [rule for rules in self._rules.values() for rule in rules]


class _Bucket:
    """The rules of one name, sorted when first asked for."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._rest: list[Rule] = []
        self._by_word: _Prefixes | None = None

    def of(self, facts: Facts) -> list[Rule]:
        words = facts.part.words
        if len(self.rules) <= _FEW or any(is_dynamic(word) for word in words[1:]):
            return self.rules
        if self._by_word is None:
            self._by_word = self._sorted()
        found = list(self._rest)
        texts = dict.fromkeys(words[1:])
        for _, readings in facts.operand_readings:
            texts.update(dict.fromkeys(readings))
        for text in texts:
            found += self._by_word.of(text)
        return found

    def _sorted(self) -> _Prefixes:
        """Each rule under the word of it that the fewest others share."""
        words = {id(rule): _telling_words(rule) for rule in self.rules}
        shared = Counter(word for each in words.values() for word in each)
        by_word = _Prefixes()
        for rule in self.rules:
            if words[id(rule)]:
                by_word.add(min(words[id(rule)], key=lambda word: (shared[word], -len(word))), rule)
            else:
                self._rest.append(rule)
        return by_word


def _telling_words(rule: Rule) -> list[str]:
    """Literal beginnings of words that any command which the rule matches must have."""
    matcher = rule.matcher
    if isinstance(matcher, LinePattern):
        return []
    words = matcher.words[1:] if isinstance(matcher, Mild) else matcher.operands
    return [prefix for word in words if (prefix := literal_prefix(word))]


class Index:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._names: dict[str, _Bucket] = {}
        self._prefixes = _Prefixes()
        self._any: list[Rule] = []
        self.lines: list[Rule] = []
        self.rules = [rule for rule in rules if not isinstance(rule.matcher, LinePattern)]
        for rule in rules:
            self._place(rule)

    def _place(self, rule: Rule) -> None:
        if isinstance(rule.matcher, LinePattern):
            self.lines.append(rule)
            return
        name = rule.matcher.name
        if not has_glob(name):
            self._names.setdefault(name, _Bucket()).rules.append(rule)
        elif literal_prefix(name):
            self._prefixes.add(literal_prefix(name), rule)
        else:
            self._any.append(rule)

    def of(self, facts: Facts, name: str) -> list[Rule]:
        """The rules that may match a command of this name."""
        bucket = self._names.get(name)
        found = bucket.of(facts) if bucket is not None else []
        more = self._prefixes.of(name)
        return found + more + self._any if more or self._any else found

    def knows(self, name: str) -> bool:
        return name in self._names or bool(self._prefixes.of(name)) or bool(self._any)


class Indexes:
    """One layer's or several layers' rules, by how they are matched."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.mild = Index([rule for rule in rules if isinstance(rule.matcher, Mild)])
        self.strict = Index([rule for rule in rules if not isinstance(rule.matcher, Mild)])
        self.deny = Index([rule for rule in rules if rule.decision is Decision.DENY])
