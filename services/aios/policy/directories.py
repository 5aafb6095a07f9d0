"""Where a line may be: where it begins, and each directory that it may change to."""

from __future__ import annotations

from collections.abc import Sequence

from aios.policy.paths import canonical
from aios.policy.words import ANY, HOME, is_unknown

MAX_DIRECTORIES = 6


class Directories:
    """`found` is in order. too_many: there may be others."""

    def __init__(self, begin: str = "") -> None:
        """begin: absolute; empty: nobody knows."""
        self.found: list[str] = []
        self.too_many = False
        if begin:
            self._add(canonical(begin))

    def change(self, operands: Sequence[str]) -> None:
        """As `cd` with these does."""
        words = [
            w for w in operands if not (w.startswith("-") and len(w) > 1 and not w[1:].isdigit())
        ]
        for word in words or [HOME]:
            if is_unknown(word) or word == "-":
                self._add(ANY)
            elif word.startswith(("/", HOME)):
                self._add(canonical(word))
            else:
                self._below(word)

    def _below(self, word: str) -> None:
        if not self.found:
            self._add(HOME)  # where a command begins that is told no directory
        for directory in list(self.found):
            self._add(canonical(f"{directory}/{word}"))
        # From a directory that is not known, ../.. leads to the root in the end.
        if ".." in word.split("/"):
            self._add(canonical("/" + word))

    def _add(self, directory: str) -> None:
        if directory in self.found:
            return
        if len(self.found) < MAX_DIRECTORIES:
            self.found.append(directory)
        else:
            self.too_many = True
