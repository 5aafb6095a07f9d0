"""A wrapper's own words: where they end and the command that it runs begins."""

from __future__ import annotations

import re

from aios.policy.tools import Options, Wrapper
from aios.policy.words import may_be_many, starts_unknown

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


class Walk:
    """A wrapper's own options, and where the inner command begins."""

    def __init__(self, words: list[str], wrapper: Wrapper) -> None:
        self.words = words
        self.options: list[tuple[str, str]] = []
        self.assigned = False
        self.uncertain = False
        self._codes = wrapper.code | wrapper.names | wrapper.directory
        operands = 0
        index, rest = 1, []
        while index < len(words):
            word = words[index]
            if starts_unknown(word):
                self.uncertain = True
                break
            if word == "--":
                index += 1
                break
            if len(word) > 1 and word[0] == "-":
                index = self._option(word, index, wrapper)
                if self.uncertain:
                    break
                continue
            if word == "-" and wrapper.plain_only:  # env -, the same as -i
                self.options.append(("i", ""))
            elif wrapper.assignments and _ASSIGNMENT.match(word):
                self.assigned = True
            elif operands < wrapper.operands:
                operands += 1
                rest.append(word)
            elif wrapper.permuted:
                rest.append(word)
            else:
                break
            index += 1
        skipped = 0
        while skipped + operands < wrapper.operands and wrapper.operands < 9:
            index, skipped = index + 1, skipped + 1  # operands that came after --
        # A word of its own that falls apart moves all that follow: `timeout 5$X ls`.
        self.uncertain = self.uncertain or any(map(may_be_many, words[1:index]))
        self.inner = words[index:]
        if wrapper.permuted:
            self.inner = rest[min(operands, wrapper.operands if wrapper.operands < 9 else 0) :]
            self.inner += words[index:]

    def _option(self, word: str, index: int, wrapper: Wrapper) -> int:
        options = wrapper.options
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in wrapper.code or name in wrapper.directory:
                takes = 1
            elif name in options.long:
                takes = options.long[name]
            else:
                self.uncertain = True
                return index
            if takes == 1 and not equals:
                value = self.words[index + 1] if index + 1 < len(self.words) else ""
                index += 1
            self.options.append((name, value))
            return index + 1
        if options.numbers and word[1:].isdigit():
            return index + 1
        return self._cluster(word, index, options, wrapper)

    def _cluster(self, word: str, index: int, options: Options, wrapper: Wrapper) -> int:
        for place, letter in enumerate(word[1:], 1):
            if letter in options.flags or letter in wrapper.names:
                self.options.append((letter, ""))
            elif letter in options.values or letter in self._codes:
                value = word[place + 1 :]
                if not value:
                    value = self.words[index + 1] if index + 1 < len(self.words) else ""
                    index += 1
                self.options.append((letter, value))
                return index + 1
            else:
                self.uncertain = True
                return index
        return index + 1
