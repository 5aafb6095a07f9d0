"""Rules from TOML: the four lists and the table form, each with the line it stands on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from aios import toml_text
from aios.config import SECTIONS
from aios.errors import ConfigError
from aios.policy.decision import Decision
from aios.policy.patterns import BadPattern, LinePattern, Mild, Strict, is_line, require_globs

_KEYS = frozenset(
    ("auto_allow", "notify", "require_approval", "deny", "default", "rule", "mask", "secrets",
     "devices", "user_floor", "host_is_machine")
)  # fmt: skip
_RULE_KEYS = frozenset(("pattern", "decision", "machines", "users", "reason", "match", "not_match"))
_STRING = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|#[^\n]*|\]", re.S)
HOST = ".host"


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: str
    decision: Decision
    origin: str  # FILE:LINE
    matcher: Mild | Strict | LinePattern
    machines: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    reason: str = ""

    def applies(
        self, machine: str, user: str, groups: frozenset[str], *, host_is_machine: bool = False
    ) -> bool:
        if machine == HOST and not host_is_machine:
            # The host itself: nothing is allowed there that does not name it.
            if HOST not in self.machines and (self.machines or not self.decision.is_strict):
                return False
        elif self.machines and not any(fnmatchcase(machine, glob) for glob in self.machines):
            return False
        if not self.users:
            return True
        return any(
            name[1:] in groups if name.startswith("@") else name == user for name in self.users
        )

    def __str__(self) -> str:
        return f"{self.origin} {self.pattern}"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Whether one of a table's patterns matches the command, or none does."""

    rules: tuple[Rule, ...]
    command: str
    matches: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """One file's rules. Nothing of a file that is not right is kept."""

    path: Path
    rules: tuple[Rule, ...]
    tests: tuple[SelfTest, ...]
    default: Decision | None
    default_line: int
    mask: tuple[str, ...]
    secrets: tuple[str, ...]
    devices: tuple[str, ...]
    user_floor: Decision | None = None
    host_is_machine: bool | None = None


def load(path: Path) -> Layer:
    """Reads one file; raises ConfigError with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}:1: {error}") from error
    return parse(path, text)


def parse(
    path: Path,
    text: str,
    *,
    refused_sections: frozenset[str] = frozenset(),
    refused_keys: frozenset[str] = frozenset(),
) -> Layer:
    """Reads a file's text. What is refused is known, but may not stand in this file."""
    loader = _Loader(path, text, toml_text.parse(path, text))
    loader.refuse(refused_sections, refused_keys)
    return loader.layer()


class _Loader:
    def __init__(self, path: Path, text: str, data: Mapping[str, Any]) -> None:
        self.path = path
        self.rows = text.split("\n")
        self.text = text
        self.data = data
        self.tests: list[SelfTest] = []

    def fail(self, line: int, message: str, *, hint: str = "") -> ConfigError:
        return ConfigError(f"{self.path}:{line}: {message}", hint=hint)

    def refuse(self, sections: frozenset[str], keys: frozenset[str]) -> None:
        for section in sections & self.data.keys():
            line = self._line(rf"\[*\s*{re.escape(section)}\b")
            raise self.fail(line, f"[{section}] is not for a user to set")
        permissions = self.data.get("permissions")
        for key in keys.intersection(permissions if isinstance(permissions, dict) else ()):
            raise self.fail(self._key_line(key), f"[permissions] {key} is not for a user to set")

    def layer(self) -> Layer:
        for section, value in self.data.items():
            if section not in SECTIONS or not isinstance(value, dict):
                raise self.fail(
                    self._line(rf"\[*\s*{re.escape(section)}\b"),
                    f"unknown section or key {section!r}",
                    hint="known sections: " + ", ".join(sorted(SECTIONS)),
                )
        table = self.data.get("permissions", {})
        for key in table:
            if key not in _KEYS:
                raise self.fail(
                    self._key_line(key),
                    f"unknown key [permissions] {key}",
                    hint="known keys: " + ", ".join(sorted(_KEYS)),
                )
        rules = [rule for decision in Decision for rule in self._list(table, decision)]
        rules += self._tables(table)
        default = self._decision(table, "default")
        return Layer(
            path=self.path,
            rules=tuple(rules),
            tests=tuple(self.tests),
            default=default,
            default_line=1 if default is None else self._key_line("default"),
            mask=tuple(text for text, _ in self._strings(table, "mask")),
            secrets=self._globs(table, "secrets"),
            devices=self._globs(table, "devices"),
            user_floor=self._decision(table, "user_floor"),
            host_is_machine=self._flag(table, "host_is_machine"),
        )

    def _globs(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        found = self._strings(table, key)
        for text, line in found:
            try:
                require_globs([text])
            except BadPattern as error:
                raise self.fail(line, f"[permissions] {key}: {error}") from error
        return tuple(text for text, _ in found)

    def _flag(self, table: Mapping[str, Any], key: str) -> bool | None:
        value = table.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.fail(self._key_line(key), f"{key} is true or false, not {value!r}")
        return value

    def _decision(self, table: Mapping[str, Any], key: str) -> Decision | None:
        value = table.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or value not in list(Decision):
            raise self.fail(self._key_line(key), f"{key} = {value!r} is no decision")
        return Decision(value)

    def _list(self, table: Mapping[str, Any], decision: Decision) -> list[Rule]:
        return [
            self._rule(pattern, decision, line)
            for pattern, line in self._strings(table, str(decision))
        ]

    def _rule(self, pattern: str, decision: Decision, line: int, **more: Any) -> Rule:
        matcher: Mild | Strict | LinePattern
        try:
            if not decision.is_strict:
                if is_line(pattern):
                    raise BadPattern("shell syntax is only for require_approval and deny")
                matcher = Mild(pattern)
            elif is_line(pattern):
                matcher = LinePattern(pattern)
            else:
                matcher = Strict.of(pattern)
        except BadPattern as error:
            raise self.fail(line, f"pattern {pattern!r}: {error}") from error
        return Rule(pattern, decision, f"{self.path}:{line}", matcher, **more)

    def _tables(self, table: Mapping[str, Any]) -> list[Rule]:
        entries = table.get("rule", [])
        lines = [
            number
            for number, row in enumerate(self.rows, 1)
            if re.match(r"\s*\[\[\s*permissions\s*\.\s*rule\s*\]\]", row)
        ]
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.fail(self._key_line("rule"), "rules are [[permissions.rule]] tables")
        rules: list[Rule] = []
        for number, entry in enumerate(entries):
            line = lines[number] if number < len(lines) else 1
            for key in entry:
                if key not in _RULE_KEYS:
                    raise self.fail(line, f"unknown key {key!r} in a rule")
            patterns, decision = entry.get("pattern"), entry.get("decision")
            patterns = [patterns] if isinstance(patterns, str) else patterns
            if (
                not isinstance(patterns, list)
                or not patterns
                or not all(isinstance(pattern, str) for pattern in patterns)
            ):
                raise self.fail(line, "a rule needs a pattern, a string or a list of strings")
            if not isinstance(decision, str) or decision not in list(Decision):
                raise self.fail(line, "a rule needs a decision: " + ", ".join(Decision))
            reason = entry.get("reason", "")
            if not isinstance(reason, str):
                raise self.fail(line, "reason must be a string")
            found = tuple(
                self._rule(
                    pattern,
                    Decision(decision),
                    line,
                    machines=self._names(entry, "machines", line),
                    users=self._names(entry, "users", line),
                    reason=reason,
                )
                for pattern in patterns
            )
            for key, expected in (("match", True), ("not_match", False)):
                for command in self._names(entry, key, line):
                    self.tests.append(SelfTest(found, command, expected))
            rules += found
        return rules

    def _names(self, entry: Mapping[str, Any], key: str, line: int) -> tuple[str, ...]:
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise self.fail(line, f"{key} must be a list of strings")
        if key in entry and not value:
            raise self.fail(line, f"{key} is empty: leave it out to mean all")
        return tuple(value)

    def _strings(self, table: Mapping[str, Any], key: str) -> list[tuple[str, int]]:
        """A list's strings, each with its line (which TOML readers do not tell)."""
        value = table.get(key, [])
        line = self._key_line(key) if key in table else 1
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.fail(line, f"[permissions] {key} must be a list of strings")
        lines = self._string_lines(line) if value else []
        return [
            (each, lines[index] if index < len(lines) else line) for index, each in enumerate(value)
        ]

    def _string_lines(self, line: int) -> list[int]:
        offset = sum(len(row) + 1 for row in self.rows[: line - 1])
        offset = self.text.find("[", self.text.find("=", offset)) + 1
        lines, at, number = [], offset, self.text.count("\n", 0, offset) + 1
        for match in _STRING.finditer(self.text, offset):
            if match.group() == "]":
                break
            number += self.text.count("\n", at, match.start())
            at = match.start()
            if not match.group().startswith("#"):
                lines.append(number)
        return lines

    def _key_line(self, key: str) -> int:
        """Where [permissions] sets `key`."""
        section = False
        dotted = re.compile(rf"\s*permissions\s*\.\s*{re.escape(key)}\s*=")
        plain = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        for number, row in enumerate(self.rows, 1):
            if re.match(r"\s*\[", row) and "]" in row and not row.strip().startswith('"'):
                header = re.match(r"\s*\[\s*permissions\s*\]", row)
                section = header is not None
            elif (section and plain.match(row)) or dotted.match(row):
                return number
        return self._line(r"\[\s*permissions\s*\]")

    def _line(self, pattern: str) -> int:
        found = re.compile(r"\s*" + pattern)
        return next((n for n, row in enumerate(self.rows, 1) if found.match(row)), 1)
