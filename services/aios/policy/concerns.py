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
from aios.policy.environment import may_be_other_letters
from aios.policy.parts import Part
from aios.policy.paths import glob, may_match, readings
from aios.policy.programs import (
    only_filters_awk,
    only_filters_jq,
    only_filters_sed,
    plain_awk_variable,
    plain_format,
    plain_ps,
    plain_test,
)
from aios.policy.scan import Scan
from aios.policy.syntax import Assignment, Redirect
from aios.policy.tools import UNLIMITED, Tool
from aios.policy.words import (
    ANY,
    HOME,
    NAME,
    PATH,
    SPLIT,
    is_dynamic,
    is_unknown,
    may_be_many,
    show,
)

# No 1-, which moves one: `>&"1-"` is a file of that name, and quotes are gone here.
_DESCRIPTOR = re.compile(r"[0-9]+|-")
_FREE_TARGETS = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/fd/63"))
_NETWORK = re.compile(r"/dev/(?:tcp|udp)(?:/|$)")
_PROC_LINK = re.compile(r"/(?:root|cwd|fd)/")
_HARMLESS_VARIABLE = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TZ|COLUMNS|LINES|NO_COLOR|CLICOLOR|DEBIAN_FRONTEND|TERM"
    r"|SYSTEMD_COLORS|SYSTEMD_URLIFY|APT_LISTCHANGES_FRONTEND|NEEDRESTART_MODE"
)
_HARMLESS_VALUE = re.compile(r"[A-Za-z0-9_.@+,-]*|[A-Za-z]+/[A-Za-z_/-]+", re.ASCII)
_PLAIN_OPERAND = re.compile(r"[A-Za-z0-9@^*\\][A-Za-z0-9.+_:@=~*\\-]*(?<!-)", re.ASCII)
# One that is put together from what a command finds would carry that off, in a look-up.
_HOST = re.compile(rf"[@+]?[A-Za-z0-9_:\[{NAME}][A-Za-z0-9_.:%\[\]/=+{NAME}-]*|\.", re.ASCII)
_KEY = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/*-]*", re.ASCII)


def is_free_target(op: str, target: str) -> bool:
    """Whether a redirection to `target` writes no file."""
    if op in (">&", "<&") and _DESCRIPTOR.fullmatch(target):
        return True
    return target in _FREE_TARGETS


def _anywhere(patterns: Sequence[str]) -> list[str]:
    """The patterns, those without a slash at the start in any directory too."""
    return [*patterns, *(f"{ANY}/{p}" for p in patterns if not p.startswith("/"))]


def _in_any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """The same as one expression."""
    found = [("" if p.startswith("/") else "(?:.*/)?") + glob(p).pattern for p in patterns]
    return re.compile("|".join(found).replace(ANY, ".*") or r"(?!)", re.DOTALL)


def _linked(path: str) -> str:
    """What the path may be if what stands before .. is a link, as /dev/fd is one; or ""."""
    before, up, rest = path.rpartition("/../")
    if not up or before.rpartition("/")[2] in ("", ".", ".."):
        return ""
    return f"{ANY}/{rest}" if _PROC_LINK.search(f"/{rest}") is None else "/" + ANY


class Concern(NamedTuple):
    about: int  # the index of the word it is about; 0: none that a rule could name
    decision: Decision
    reason: str


class Secrets:
    """Files whose contents need approval: globs; without a slash they are base names."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._public = [glob(p[1:]) for p in patterns if p.startswith("!")]
        kept = [p for p in dict.fromkeys(patterns) if not p.startswith("!")]
        # What they name may be a directory, where they name one at all.
        below = [f"{p}/{ANY}" for p in kept if "/" in p]
        holders = {p[:at] or "/" for p in kept for at, char in enumerate(p) if char == "/"}
        self._may = _anywhere([*kept, *below])
        self._kernel = [p for p in self._may if p.startswith("/")]
        self._known = _in_any_of([*kept, *below])
        self._holders = _anywhere(sorted(holders))
        self._holder = _in_any_of(sorted(holders))
        self._hit = lru_cache(maxsize=1024)(self._look)

    def may_be(self, word: str, directories: Sequence[str]) -> bool:
        """Whether the file that `word` names may be a secret one."""
        return self._hit(word, tuple(directories))

    def _look(self, word: str, directories: tuple[str, ...]) -> bool:
        paths = readings(word, directories)
        for path in paths + [linked for path in (word, *paths) if (linked := _linked(path))]:
            if not is_dynamic(path):
                name = path.rpartition("/")[2]
                if self._known.fullmatch(path) and not any(p.fullmatch(name) for p in self._public):
                    return True
            # No file of the kernel's is called as a secret of somebody's.
            kernel = path.startswith(("/sys/", "/proc/sys/")) and not is_unknown(path)
            known = self._kernel if kernel else self._may
            if is_dynamic(path) and any(may_match(path, pattern) for pattern in known):
                return True
        return False

    def may_hold(self, word: str, directories: Sequence[str]) -> bool:
        """Whether there may be a secret file below the directory `word`."""
        for path in readings(word, tuple(directories)):
            rest = path[1:] if path.startswith(HOME) else path
            if not rest or (is_dynamic(rest) and not rest[:1].isalnum()):
                return True
            if is_dynamic(path):
                if any(may_match(path, holder) for holder in self._holders):
                    return True
            elif self._holder.fullmatch(path):
                return True
        return self.may_be(word, directories)


class Devices:
    """Block devices: what is written onto them is denied."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = list(dict.fromkeys(patterns))

    def may_be(self, word: str, directories: Sequence[str] = ()) -> bool:
        if not word.strip(ANY + SPLIT + PATH):
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
            if (op == "<>" or op[0] != "<") and self.devices.may_be(target, directories):
                return target
        onto = tool.mode(part.words).onto if tool is not None else ()
        if onto:
            for word in part.words[1:]:
                for prefix in onto:
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
        mode = tool.mode(part.words)
        if mode.interpreter:
            reason = tool.reason or "its arguments can write and run"
            if len(part.words) == 1:
                yield Concern(0, Decision.REQUIRE_APPROVAL, reason)
            for index in range(1, len(part.words)):
                yield Concern(index, Decision.REQUIRE_APPROVAL, reason)
            return
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
        strict = Decision.REQUIRE_APPROVAL
        reason = tool.reason or f"this option of {words[0]} is not known to be harmless"
        if tool.operands == "ps":
            if not plain_ps(words[1:]):
                yield Concern(0, strict, reason)
            return
        scan = Scan(words, tool, start)
        for index in scan.unknown:
            yield Concern(index, strict, reason)
        for index in scan.announced:
            yield Concern(index, Decision.NOTIFY, f"{show(words[index])} needs more than a look")
        for index, path in scan.files:
            if self.secrets.may_be(path, directories):
                yield Concern(index, strict, f"{show(path)} may be a file with secrets")
        scripts = tool.operands == "sed" and scan.values.get("e", ()) + scan.values.get(
            "expression", ()
        )
        if scripts and not all(only_filters_sed(script) for script in scripts):
            yield Concern(0, strict, reason)
        variables = scan.values.get("v", ()) + scan.values.get("assign", ())
        if tool.operands == "awk" and not all(map(plain_awk_variable, variables)):
            yield Concern(0, strict, reason)
        operands = scan.operands
        if (
            scan.recursive
            and len(operands) <= (0 if scan.pattern else 1)
            and self.secrets.may_hold(".", directories)
        ):
            yield Concern(0, strict, "the directory may hold a file with secrets")
        if len(operands) > tool.most:
            yield Concern(operands[tool.most], strict, reason)
        elif tool.most < UNLIMITED and any(may_be_many(words[index]) for index in operands):
            yield Concern(0, strict, reason)
        for place, index in enumerate(operands):
            word = words[index]
            allowed = tool.first if place == 0 else tool.second if place == 1 else None
            if allowed and word not in allowed:
                yield Concern(index, strict, reason)
            match tool.operands:
                case "pattern" if place == 0 and not scan.pattern and not may_be_many(word):
                    pass
                case "jq" if place == 0:
                    if may_be_many(word) or not only_filters_jq(word):
                        yield Concern(index, strict, reason)
                case "files" | "pattern" | "jq":
                    if self.secrets.may_be(word, directories) or (
                        scan.recursive and self.secrets.may_hold(word, directories)
                    ):
                        yield Concern(index, strict, f"{show(word)} may be a file with secrets")
                case "literal":
                    if is_unknown(word):
                        yield Concern(index, strict, f"{show(word)} is not known before it runs")
                case "host":
                    if not _HOST.fullmatch(word):
                        yield Concern(index, strict, f"{show(word)} is no plain name of a host")
                case "none":
                    yield Concern(index, strict, reason)
                case "plain":
                    if is_unknown(word) or not _PLAIN_OPERAND.fullmatch(word):
                        yield Concern(index, strict, f"{show(word)} is no plain name; {reason}")
                case "key":
                    if is_dynamic(word) or not _KEY.fullmatch(word):
                        yield Concern(index, strict, reason)
                case "test":
                    if is_dynamic(word) and not plain_test(words[1:]):
                        yield Concern(index, strict, reason)
                case "plus":
                    if not word.startswith("+"):
                        yield Concern(index, strict, reason)
                case "printf":
                    if place == 0 and not plain_format(word):
                        yield Concern(index, strict, reason)
                case "sed" | "awk":
                    if not self._filters(tool, word, directories, first=place == 0 and not scripts):
                        yield Concern(index, strict, reason)

    def _filters(self, tool: Tool, word: str, directories: Sequence[str], *, first: bool) -> bool:
        """Whether an operand of sed or awk only filters: the program, or a file."""
        if first:
            return (only_filters_sed if tool.operands == "sed" else only_filters_awk)(word)
        if tool.operands == "awk" and (word.startswith("/inet") or "=" in word):
            return plain_awk_variable(word)
        return not self.secrets.may_be(word, directories)


def _assignment(assignment: Assignment) -> Iterator[Concern]:
    name, value = assignment
    harmless = _HARMLESS_VARIABLE.fullmatch(name) and _HARMLESS_VALUE.fullmatch(value)
    if harmless and not may_be_other_letters(name, value):
        return
    yield Concern(0, Decision.REQUIRE_APPROVAL, f"the variable {name} is set")
