"""What no rule for a tool covers: writes, secrets, variables, options that do more than read.

A concern raises the part it is about to its own decision, whatever mild rule matched. One
that is about a word which the rule itself spells out (`sort -o *`) is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from aios.policy.decision import Decision
from aios.policy.parts import Part
from aios.policy.paths import glob, may_match, readings
from aios.policy.syntax import Assignment, Redirect
from aios.policy.tools import Options, Tool
from aios.policy.words import (
    ANY,
    HOME,
    ONE,
    SPLIT,
    STAR,
    is_dynamic,
    is_unknown,
    show,
    starts_unknown,
)

_DESCRIPTOR = re.compile(r"\d+-?|-")
_FREE_TARGETS = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/fd/63"))
_NETWORK = re.compile(r"/dev/(?:tcp|udp)(?:/|$)")
_HARMLESS_VARIABLE = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TZ|COLUMNS|LINES|NO_COLOR|CLICOLOR|DEBIAN_FRONTEND|TERM"
    r"|SYSTEMD_COLORS|SYSTEMD_URLIFY|APT_LISTCHANGES_FRONTEND|NEEDRESTART_MODE"
)
_HARMLESS_VALUE = re.compile(r"[A-Za-z0-9_.@+,-]*|[A-Za-z]+/[A-Za-z_/-]+", re.ASCII)
_PLAIN_OPERAND = re.compile(r"[A-Za-z0-9@^*\\][A-Za-z0-9.+_:@=~*\\-]*(?<!-)", re.ASCII)
_SED = re.compile(
    r"(?:(?:\d+|\$|/[^/\\\n;{}]*/)(?:,(?:\d+|\$|/[^/\\\n;{}]*/))?)?!?"
    r"(?:[pdq=]|s([/|,#@])(?:(?!\1)[^\\\n;{}]|\\[^\n])*\1(?:(?!\1)[^\\\n]|\\[^\n])*\1[gpIi0-9]*)?"
)


def is_free_target(op: str, target: str) -> bool:
    """Whether a redirection to `target` writes no file."""
    if op in (">&", "<&") and _DESCRIPTOR.fullmatch(target):
        return True
    return target in _FREE_TARGETS


class Concern(NamedTuple):
    about: int  # the index of the word it is about; 0: none that a rule could name
    decision: Decision
    reason: str


class Secrets:
    """Files whose contents need approval: globs; without a slash they are base names."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._public = [glob(p[1:]) for p in patterns if p.startswith("!")]
        kept = [p for p in dict.fromkeys(patterns) if not p.startswith("!")]
        self._absolute = [p for p in kept if p.startswith("/")]
        self._tails = [p for p in kept if not p.startswith("/")]
        absolute = "|".join(glob(p).pattern for p in self._absolute) or r"(?!)"
        tails = "|".join(glob(p).pattern for p in self._tails) or r"(?!)"
        self._known = re.compile(rf"(?:{absolute})(?:/.*)?|(?:.*/)?(?:{tails})", re.DOTALL)
        self._hit = lru_cache(maxsize=1024)(self._look)

    def may_be(self, word: str, directories: Sequence[str]) -> bool:
        """Whether the file that `word` names may be a secret one."""
        return self._hit(word, tuple(directories))

    def _look(self, word: str, directories: tuple[str, ...]) -> bool:
        for path in readings(word, directories):
            if not is_dynamic(path):
                name = path.rpartition("/")[2]
                if self._known.fullmatch(path) and not any(p.fullmatch(name) for p in self._public):
                    return True
            elif any(may_match(path, pattern) for pattern in self._absolute) or any(
                may_match(path, pattern) or may_match(path, ANY + "/" + pattern)
                for pattern in self._tails
            ):
                return True
        return False

    def may_hold(self, word: str, directories: Sequence[str]) -> bool:
        """Whether there may be a secret file below the directory `word`."""
        for path in readings(word, tuple(directories)):
            if path.startswith(HOME) or (is_dynamic(path) and not path[:1].isalnum()):
                return True
            below = path.rstrip("/") + "/"
            if any(
                pattern.startswith(below)
                or glob(pattern).match(path) is not None
                or may_match(path, pattern.rpartition("/")[0])
                for pattern in self._absolute
            ):
                return True
        return self.may_be(word, directories)


class Devices:
    """Block devices: what is written onto them is denied."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = list(dict.fromkeys(patterns))

    def may_be(self, word: str, directories: Sequence[str] = ()) -> bool:
        if not word.strip(ANY + SPLIT):
            return False
        return any(
            may_match(path, pattern)
            for path in readings(word, tuple(directories))
            if path.startswith("/")
            for pattern in self._patterns
        )


class Judge:
    """Finds the concerns of parts; holds what they are judged by."""

    def __init__(self, secrets: Secrets, devices: Devices) -> None:
        self.secrets = secrets
        self.devices = devices

    def onto_device(self, part: Part, tool: Tool | None, directories: Sequence[str]) -> str:
        """The block device that the part writes onto, or ""."""
        for op, target, _ in part.redirects:
            if not op.startswith("<") and self.devices.may_be(target, directories):
                return target
        if tool is not None and tool.onto:
            for word in part.words[1:]:
                for prefix in tool.onto:
                    path = word[len(prefix) :]
                    if word.startswith(prefix) and self.devices.may_be(path, directories):
                        return path
        return ""

    def concerns(
        self, part: Part, tool: Tool | None, directories: Sequence[str], *, verb_named: bool
    ) -> Iterator[Concern]:
        """`verb_named`: the rule that covers the part names its subcommand."""
        if part.unclear:
            yield Concern(0, Decision.REQUIRE_APPROVAL, part.unclear)
        for redirect in part.redirects:
            yield from self._redirect(redirect, directories)
        for assignment in part.assignments:
            yield from _assignment(assignment)
        if tool is None or not part.words:
            return
        if tool.interpreter:
            reason = tool.reason or "its arguments can write and run"
            if len(part.words) == 1:
                yield Concern(0, Decision.REQUIRE_APPROVAL, reason)
            for index in range(1, len(part.words)):
                yield Concern(index, Decision.REQUIRE_APPROVAL, reason)
            return
        mode = tool.mode(part.words)
        if mode is tool and verb_named and tool.modes:
            return  # a subcommand that the data does not know: the rule's further words are free
        yield from self._words(part.words, mode, 1 if mode is tool else 2, directories)

    def _redirect(self, redirect: Redirect, directories: Sequence[str]) -> Iterator[Concern]:
        op, target, named = redirect
        strict = Decision.REQUIRE_APPROVAL
        if named:
            yield Concern(0, strict, "a redirection sets a variable")
        if op.startswith("<<"):
            return
        if op == "<&" and _DESCRIPTOR.fullmatch(target):
            return
        if op in ("<", "<&"):
            if any(
                _NETWORK.match(path) or (path.startswith("/dev/") and is_dynamic(path))
                for path in readings(target)
            ):
                yield Concern(0, strict, "a redirection opens a network connection")
            elif op == "<&":
                yield Concern(0, strict, "a descriptor that is not known")
            elif self.secrets.may_be(target, directories):
                yield Concern(0, strict, f"{show(target)} may be a file with secrets")
            return
        if not is_free_target(op, target):
            yield Concern(0, strict, f"a redirection writes to {show(target)}")

    def _words(
        self, words: list[str], tool: Tool, start: int, directories: Sequence[str]
    ) -> Iterator[Concern]:
        scan = _Scan(words, tool, start)
        strict = Decision.REQUIRE_APPROVAL
        reason = tool.reason or f"this option of {words[0]} is not known to be harmless"
        for index in scan.unknown:
            yield Concern(index, strict, reason)
        for index in scan.announced:
            yield Concern(index, Decision.NOTIFY, f"{show(words[index])} needs more than a look")
        for index, path in scan.files:
            if self.secrets.may_be(path, directories):
                yield Concern(index, strict, f"{show(path)} may be a file with secrets")
        operands = scan.operands
        if (
            scan.recursive
            and len(operands) <= (0 if scan.pattern else 1)
            and self.secrets.may_hold(".", directories)
        ):
            yield Concern(0, strict, "the directory may hold a file with secrets")
        if len(operands) > tool.most:
            yield Concern(operands[tool.most], strict, reason)
        for place, index in enumerate(operands):
            word = words[index]
            allowed = tool.first if place == 0 else tool.second if place == 1 else None
            if allowed and word not in allowed:
                yield Concern(index, strict, reason)
            match tool.operands:
                case "files":
                    if tool.recursive and tool.name == "grep" and place == 0 and not scan.pattern:
                        continue
                    if self.secrets.may_be(word, directories) or (
                        scan.recursive and self.secrets.may_hold(word, directories)
                    ):
                        yield Concern(index, strict, f"{show(word)} may be a file with secrets")
                case "none":
                    yield Concern(index, strict, reason)
                case "plain":
                    if is_unknown(word) or not _PLAIN_OPERAND.fullmatch(word):
                        yield Concern(index, strict, f"{show(word)} is no plain name; {reason}")
                case "test":
                    if is_dynamic(word) and not _plain_test(words[1:]):
                        yield Concern(index, strict, reason)
                case "plus":
                    if not word.startswith("+"):
                        yield Concern(index, strict, reason)
                case "sed":
                    if place == 0:
                        if is_dynamic(word) or not _SED.fullmatch(word):
                            yield Concern(index, strict, reason)
                    elif self.secrets.may_be(word, directories):
                        yield Concern(index, strict, f"{show(word)} may be a file with secrets")


def _plain_test(words: list[str]) -> bool:
    """Whether an unknown word of test or [ can be no operator: -v runs code in a subscript."""
    if words[-1:] == ["]"]:
        words = words[:-1]
    if any(SPLIT in word for word in words):
        return False
    if len(words) == 3:
        return not is_dynamic(words[1])
    return len(words) == 1 or (len(words) == 2 and not is_dynamic(words[0]))


def _assignment(assignment: Assignment) -> Iterator[Concern]:
    name, value = assignment
    if _HARMLESS_VARIABLE.fullmatch(name) and _HARMLESS_VALUE.fullmatch(value):
        return
    yield Concern(0, Decision.REQUIRE_APPROVAL, f"the variable {name} is set")


class _Scan:
    """A command's words sorted by its tool's table: options that are not in it, operands."""

    def __init__(self, words: list[str], tool: Tool, start: int) -> None:
        self.unknown: list[int] = []
        self.announced: list[int] = []
        self.operands: list[int] = []
        self.files: list[tuple[int, str]] = []
        self.recursive = tool.name == "rgrep"
        self.pattern = False  # grep -e: the first operand is a file too
        self._tool = tool
        self._words = words
        if start == 2 and words[1].startswith("-"):
            start = 1  # the mode is an option itself
        index, ended = start, False
        while index < len(words):
            word = words[index]
            if ended or len(word) < 2 or word[0] not in "-+":
                if starts_unknown(word) and not ended:
                    if not tool.any_option and tool.operands != "test":
                        self.unknown.append(index)
                    self.recursive = self.recursive or (
                        bool(tool.recursive) and is_unknown(word[:1])
                    )
                elif SPLIT in word and not tool.any_option and tool.operands != "test":
                    self.unknown.append(index)
                self.operands.append(index)
                index += 1
            elif word == "--":
                ended, index = True, index + 1
            elif word[0] == "+":
                if not (tool.options.numbers and word[1:].isdigit()):
                    self.operands.append(index)
                index += 1
            else:
                index += self._option(index, word, tool.options)

    def _option(self, index: int, word: str, options: Options) -> int:
        """Takes one option; how many words it is."""
        known = self._tool.any_option
        if is_dynamic(word) and not known:
            self.unknown.append(index)
            return 1
        name, equals, value = word.partition("=")
        if name in options.words:
            if options.words[name] == 1 and not equals:
                self._check_value(index, self._next(index), numbers=True)
                return 2
            return 1
        if word.startswith("--"):
            return self._long(index, name[2:], value, bool(equals), options)
        if options.numbers and word[1:].isdigit():
            return 1
        for place, letter in enumerate(word[1:], 1):
            self._seen(letter, index)
            if letter in options.values:
                rest = word[place + 1 :]
                value = rest or self._next(index)
                self._value(letter, index, value)
                return 1 if rest else 2
            if letter not in options.flags and not known:
                self.unknown.append(index)
                return 1
        return 1

    def _long(self, index: int, name: str, value: str, equals: bool, options: Options) -> int:
        takes = options.long.get(name)
        full = name
        if takes is None and self._tool.any_option:
            # getopt accepts abbreviations; here they only choose what a value means.
            near = [long for long in options.long if long.startswith(name)]
            full = near[0] if near else name
            takes = options.long[full] if near else 2
            for long in self._tool.recursive:
                if len(long) > 1 and long.startswith(name):
                    full = long
        self._seen(full, index)
        if takes is None:
            self.unknown.append(index)
            return 1
        if takes == 1 and not equals:
            self._value(full, index, self._next(index))
            return 2
        if equals:
            self._value(full, index, value)
        return 1

    def _next(self, index: int) -> str:
        return self._words[index + 1] if index + 1 < len(self._words) else ""

    def _seen(self, name: str, index: int) -> None:
        if name in self._tool.recursive:
            self.recursive = True
        if name in self._tool.announced:
            self.announced.append(index)
        if self._tool.operands == "files" and name in ("e", "f", "regexp", "file"):
            self.pattern = True

    def _value(self, name: str, index: int, value: str) -> None:
        # Where a value is perhaps none, it is a file; a pattern of grep's never is.
        reads = self._tool.operands == "files" and name not in ("e", "regexp")
        if value and (reads or name in self._tool.files):
            self.files.append((index, value))
        self._check_value(index, value, numbers=False)

    def _check_value(self, index: int, value: str, *, numbers: bool) -> None:
        """A value that could bring an option along, or be one where the value is optional."""
        if self._tool.any_option:
            return
        glob_only = value[:1] in (STAR, ONE) and numbers and "." in value
        option = value[:1] == "-" and len(value) > 1 and not (numbers and value[1:2].isdigit())
        if (
            SPLIT in value
            or option
            or (starts_unknown(value) and value[0] != ANY and not glob_only)
        ):
            self.unknown.append(index)
