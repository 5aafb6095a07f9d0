"""Rules' patterns against parts: mild ones literally, strict ones generously."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise

from aios.policy.parts import Part, plain_name
from aios.policy.paths import glob, has_live_first, may_match, readings
from aios.policy.reader import read
from aios.policy.syntax import Function
from aios.policy.tools import Tool, tools
from aios.policy.words import ANY, HOME, NAME, ONE, PATH, SPLIT, STAR, is_dynamic, is_unknown

_SYNTAX = re.compile(r"[;|&(){}<>]")
_WRITES = frozenset((">", ">>", ">|", ">&", "&>", "&>>", "<>"))


class BadPattern(ValueError):
    pass


def has_glob(word: str) -> bool:
    return "*" in word or "?" in word or "[" in word


def literal_prefix(word: str) -> str:
    return re.split(r"[*?\[]", word, maxsplit=1)[0]


def split(pattern: str) -> tuple[list[str], bool]:
    """A pattern's words, and whether nothing may follow them."""
    try:
        words = shlex.split(pattern)
    except ValueError as error:
        raise BadPattern(f"{error}") from error
    if not words:
        raise BadPattern("an empty pattern")
    if len(words) > 1 and words[-1] == "$":
        return words[:-1], True
    return words, False


def require_globs(words: Iterable[str]) -> None:
    """Raises BadPattern for a glob that is none, such as [z-a]: later it would fail every check."""
    for word in words:
        if "[" in word:
            try:
                glob(word)
            except re.error as error:
                raise BadPattern(f"{word}: {error}") from error


def is_line(pattern: str) -> bool:
    """Whether the pattern has shell syntax, so that it is compared as a parsed line."""
    return _SYNTAX.search(pattern) is not None


class Mild:
    """auto_allow and notify: the pattern's words are the command's first words."""

    __slots__ = ("_globs", "_verb", "exact", "literal", "words")

    def __init__(self, pattern: str) -> None:
        self.words, self.exact = split(pattern)
        require_globs(self.words)
        self.words[0] = plain_name(self.words[0])
        self._globs = [
            re.compile(glob_any(word), re.DOTALL) if has_glob(word) else None for word in self.words
        ]
        # Options that the pattern itself names: their effect is what the rule is about.
        self.literal = frozenset(
            index for index, word in enumerate(self.words) if index and not has_glob(word)
        )
        self._verb = literal_prefix(self.words[1]) if len(self.words) > 1 else ""

    @property
    def name(self) -> str:
        return self.words[0]

    def names_verb(self, words: list[str]) -> bool:
        """Whether the pattern names the subcommand: `git diff*` that of git diff, not of git
        difftool."""
        return self._verb[:1].isalpha() and words[1] == self._verb

    def matches(self, words: list[str]) -> bool:
        if len(words) < len(self.words) or (self.exact and len(words) != len(self.words)):
            return False
        for word, wanted, live in zip(words, self.words, self._globs, strict=False):
            if is_dynamic(word):
                return False
            if live is None:
                if word != wanted:
                    return False
            elif live.fullmatch(word) is None:
                return False
        return True


def glob_any(pattern: str) -> str:
    """As paths.glob, but * crosses slashes: words of commands are not all paths."""
    return glob(pattern).pattern.replace("[^/]*", ".*").replace("[^/]", ".")


class Facts:
    """What strict patterns ask about one part, worked out once."""

    def __init__(self, part: Part, directories: Sequence[str]) -> None:
        self.part = part
        self.name = part.name
        self.tool: Tool | None = tools().get(self.name)
        self._synonyms = self.tool.synonyms if self.tool else {}
        self._directories = tuple(directories)

    @cached_property
    def _sorted(self) -> tuple[frozenset[str], list[str], list[str], list[str], bool]:
        letters: set[str] = set()
        longs: list[str] = []
        raw: list[str] = []
        operands: list[str] = []
        unknown = ended = False
        for word in self._split_words():
            if word[:1] in (ANY, SPLIT, STAR, ONE) and not ended:
                unknown = unknown or word[0] in (ANY, SPLIT)
                operands.append(word)
            elif ended or word[:1] != "-" or word == "-":
                operands.append(word)
            elif word == "--":
                ended = True
            else:
                raw.append(word)
                unknown = unknown or is_dynamic(word)
                if word.startswith("--"):
                    name = word[2:].partition("=")[0]
                    longs.append(name)
                    letters.update(
                        first
                        for each, first in self._synonyms.items()
                        if len(each) > 1 and each.startswith(name)
                    )
                else:
                    letters.update(self._synonyms.get(each, each) for each in self._cluster(word))
        return frozenset(letters), longs, raw, operands, unknown

    def _cluster(self, word: str) -> str:
        """The letters of an option, without what is a value for certain."""
        attached = self.tool.options.attached if self.tool else ""
        ends = [place for place, letter in enumerate(word) if letter in attached]
        return word[1 : ends[0] + 1] if ends else word[1:]

    def _split_words(self) -> list[str]:
        """The words, and what they may fall apart into: -rf$IFS/ is -rf and / as well."""
        words = self.part.words[1:]
        if not any(SPLIT in word for word in words):
            return words
        return [
            piece
            for word in words
            for piece in (word, *(word.split(SPLIT) if word.strip(SPLIT) else ()))
            if piece
        ]

    @property
    def operands(self) -> list[str]:
        return self._sorted[3]

    @cached_property
    def operand_readings(self) -> list[tuple[str, list[str]]]:
        return [(word, self._readings(word)) for word in self.operands]

    def _readings(self, word: str) -> list[str]:
        key, equals, value = word.partition("=")
        if equals and "/" not in key:
            found = [f"{key}={path}" for path in readings(value, self._directories)]
            return [word, *found]
        return [word, *readings(word, self._directories)]

    @property
    def verbs(self) -> int:
        """How many of the operands may be the subcommand; all, where the tool has none.

        `systemctl status stopper` stops nothing; in `systemctl -H x stop y`, x may belong to -H.
        """
        if self.tool is None or not self.tool.modes:
            return len(self.operands)
        count = 1
        for before, word in pairwise(self.part.words):
            if word.startswith("-"):
                continue
            if before.startswith("-") or is_dynamic(word) or is_dynamic(before):
                count += 1
                continue
            break
        return count

    def option(self, pattern: str) -> bool | None:
        """Whether the options of `pattern` are there; None: they may be."""
        letters, longs, raw, _, unknown = self._sorted
        bare = literal_prefix(pattern)
        if any(glob(pattern).fullmatch(word) for word in raw):
            return True
        if pattern.startswith("--"):
            name = bare[2:].partition("=")[0]
            if self._synonyms.get(name) in letters and name in self._synonyms:
                return True
            if has_glob(pattern):
                found = any(long.startswith(name) or name.startswith(long) for long in longs)
            else:
                found = any(long and name.startswith(long) for long in longs)
            if found and "=" not in pattern:
                return True
        elif len(bare) > 1 and all(
            self._synonyms.get(letter, letter) in letters for letter in bare[1:]
        ):
            return True
        return None if unknown else False


def operand_matches(pattern: str, found: Sequence[str]) -> bool:
    """Whether any reading of an operand is, or may be, what the pattern says."""
    for text in found:
        if pattern == "/*":
            if has_live_first(text):
                return True
            continue
        if not is_dynamic(text):
            if text == pattern:
                return True
            if not has_glob(pattern):
                continue
            if "/" not in pattern:
                if re.fullmatch(glob_any(pattern), text, re.DOTALL):
                    return True
            elif re.match(glob(pattern).pattern + r"(?:/|\Z)", text, re.DOTALL):
                return True
        elif may_match(text, pattern) or (
            has_glob(pattern) and "/" in pattern and may_match(text, pattern + "/" + ANY)
        ):
            return True
    return False


def _is_free(word: str) -> bool:
    return bool(word) and not word.strip(ANY + SPLIT + PATH)


class Strict:
    """require_approval and deny, for one simple command."""

    __slots__ = ("exact", "name", "operands", "options", "path", "redirects", "words")

    def __init__(
        self, words: list[str], *, exact: bool = False, redirects: Sequence[str] = ()
    ) -> None:
        require_globs([*words, *redirects])
        self.words = words
        path = plain_name(words[0]) if words else ""
        self.path = path if "/" in path else ""
        self.name = path.rpartition("/")[2]
        self.exact = exact
        self.options = [word for word in words[1:] if word.startswith("-") and len(word) > 1]
        self.operands = [word for word in words[1:] if not (word.startswith("-") and len(word) > 1)]
        self.redirects = list(redirects)

    @classmethod
    def of(cls, pattern: str) -> Strict:
        words, exact = split(pattern)
        return cls(words, exact=exact)

    def matches(self, facts: Facts) -> bool | None:
        """None: only words that are wholly unknown are in the way."""
        free = maybe = 0
        known = len(self.redirects)
        if self.redirects and not self._redirects_match(facts.part):
            return False
        if self.path and facts.part.words[0] != self.path:
            return False
        if self.name:
            name = facts.name
            if is_dynamic(name):
                if not may_match(name, self.name):
                    return False
                if not name.strip(ANY + SPLIT + STAR + ONE + HOME + NAME + PATH):
                    maybe += 1
            elif name != self.name and not (
                has_glob(self.name) and glob(self.name).fullmatch(name)
            ):
                return False
        for option in self.options:
            state = facts.option(option)
            if state is False:
                return False
            if state is None:
                maybe += 1
            else:
                known += 1
        if self.operands:
            verbs = facts.verbs
            found = self._operands_match(facts.operand_readings, verbs, free=False)
            if found is None:
                found = self._operands_match(facts.operand_readings, verbs, free=True)
            if found is None:
                return False
            free += found
            known += len(self.operands) - found
        if self.exact and len(facts.part.words) > len(self.words):
            return False
        # What is wholly unknown may be anything: it fills a gap in a command that is
        # recognised by something else, and makes nothing of itself.
        if free + maybe == 0 or known >= (2 if is_dynamic(facts.name) else 1):
            return True
        return False if maybe else None

    def _operands_match(
        self, operands: Sequence[tuple[str, list[str]]], verbs: int, *, free: bool
    ) -> int | None:
        """How many operands are matched by wholly unknown words; None: they do not match."""
        index = count = 0
        for place, wanted in enumerate(self.operands):
            while index < len(operands) and (place or index < verbs):
                word, found = operands[index]
                index += 1
                unknown = _is_free(word) and bool(wanted.strip("*"))
                if (free or not unknown) and operand_matches(wanted, found):
                    count += unknown
                    break
            else:
                return None
        return count

    def _redirects_match(self, part: Part) -> bool:
        targets = [
            target for op, target, _ in part.redirects if op in _WRITES and not _is_free(target)
        ]
        return all(
            any(operand_matches(wanted, [target, *readings(target)]) for target in targets)
            for wanted in self.redirects
        )


class LinePattern:
    """A pattern with shell syntax: the commands of the line, in this order."""

    def __init__(self, pattern: str) -> None:
        line = read(pattern)
        if line.broken:
            raise BadPattern(f"cannot be read as shell syntax: {line.unclear[-1]}")
        self.functions: list[Function] = line.functions
        back = str.maketrans({STAR: "*", ONE: "?", HOME: "~"})
        self.commands: list[Strict] = []
        for simple in line.commands:
            if any(is_unknown(word) for word in simple.words):
                raise BadPattern("an expansion in a pattern")
            targets = [r.target.translate(back) for r in simple.redirects if r.op in _WRITES]
            words = [word.translate(back) for word in simple.words]
            self.commands.append(Strict(words, redirects=targets))

    def matches(self, all_facts: Sequence[Facts], functions: Sequence[Function]) -> bool:
        if self.functions:
            return all(
                any(_same_function(wanted, found) for found in functions)
                for wanted in self.functions
            )
        index = 0
        for wanted in self.commands:
            while index < len(all_facts) and not wanted.matches(all_facts[index]):
                index += 1
            if index >= len(all_facts):
                return False
            index += 1
        return True


def _same_function(wanted: Function, found: Function) -> bool:
    """The same shape, whatever its name: it calls itself as often, and does not wait."""
    if found.self_calls < wanted.self_calls:
        return False
    if not wanted.self_calls and found.commands != wanted.commands:
        return False
    return (found.piped or found.background) if wanted.piped or wanted.background else True
