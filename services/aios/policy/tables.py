"""The tables of tools, from TOML: aios' own, a packager's, an administrator's.

A file in a later directory replaces one of the same name in an earlier one, as with units; any
other adds tools. Two tables for one tool are an error, and an error rejects them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aios import toml_text
from aios.errors import ConfigError
from aios.policy.tools import UNLIMITED, Options, Tool, Wrapper

SHIPPED = Path(__file__).parent / "data" / "commands"
DIRECTORIES = (SHIPPED, Path("/usr/share/aios/commands"), Path("/etc/aios/commands"))

_OPERANDS = frozenset(
    ("text", "literal", "names", "files", "pattern", "jq", "none", "plain", "host", "key", "plus",
     "sed", "awk", "printf", "test", "ps")
)  # fmt: skip
_LONG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:==?|\?)?")
_WORD = re.compile(r"-[A-Za-z0-9_-]+=?")
_NAME = re.compile(r"[^\s/]+")


class _Wrong(Exception):
    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def files(directories: Sequence[Path] = DIRECTORIES) -> list[Path]:
    found: dict[str, Path] = {}
    for directory in directories:
        for path in directory.glob("*.toml"):
            found[path.name] = path
    return [found[name] for name in sorted(found)]


def load(paths: Sequence[Path] | None = None) -> Mapping[str, Tool]:
    """Every tool by each of its names; raises ConfigError (FILE:LINE)."""
    found: dict[str, Tool] = {}
    homes: dict[str, Path] = {}
    for path in files() if paths is None else paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}:1: {error}") from error
        tables = toml_text.parse(path, text)
        for name, table in tables.items():
            try:
                if not isinstance(table, dict):
                    raise _Wrong("", "is no table")
                reader = _Table(table)
                names = [name, *reader.strings("also", _NAME)]
                tool = _tool(name, reader, None)
                for each in names:
                    if each in found:
                        raise _Wrong("also", f"{each} has a table in {homes[each]} already")
                    found[each], homes[each] = tool, path
            except _Wrong as error:
                line = _line(text, name, error.key)
                raise ConfigError(
                    f"{path}:{line}: [{name}]{' ' + error.key if error.key else ''}: {error}"
                ) from error
    return found


def _line(text: str, name: str, key: str) -> int:
    """Where the table `name` sets `key`, or begins."""
    header = re.compile(rf"\s*\[+\s*[\"']?{re.escape(name)}[\"']?\s*[.\]]")
    begins = 0
    for number, row in enumerate(text.split("\n"), 1):
        if row.lstrip().startswith("["):
            if header.match(row):
                begins = begins or number
            elif begins:
                break
        elif begins and key and re.match(rf"\s*{re.escape(key)}\s*=", row):
            return number
    return begins or 1


class _Table:
    """Takes keys with their types; what is left in the end is not known."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._left = dict(data)

    def _take(self, key: str, kind: type, default: Any) -> Any:
        value = self._left.pop(key, default)
        if type(value) is not kind:
            raise _Wrong(key, f"must be a {kind.__name__}")
        return value

    def text(self, key: str, default: str = "") -> str:
        value: str = self._take(key, str, default)
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value: bool = self._take(key, bool, default)
        return value

    def number(self, key: str, default: int) -> int:
        value: int = self._take(key, int, default)
        return value

    def strings(self, key: str, form: re.Pattern[str] | None = None) -> list[str]:
        value: list[str] = self._take(key, list, [])
        for each in value:
            if not isinstance(each, str) or (form is not None and not form.fullmatch(each)):
                raise _Wrong(key, f"{each!r} is not understood")
        return value

    def set(self, key: str) -> frozenset[str]:
        return frozenset(self.strings(key))

    def synonyms(self) -> dict[str, str]:
        groups: list[Any] = self._take("synonyms", list, [])
        for group in groups:
            if not isinstance(group, list) or len(group) < 2:
                raise _Wrong("synonyms", f"{group!r} is no list of names for one option")
        return {str(each): str(names[0]) for names in groups for each in names}

    def tables(self, key: str) -> list[_Table]:
        value: list[Any] = self._take(key, list, [])
        if not all(isinstance(each, dict) for each in value):
            raise _Wrong(key, "must be tables")
        return [_Table(each) for each in value]

    def table(self, key: str) -> _Table | None:
        return _Table(self._take(key, dict, {})) if key in self._left else None

    def end(self) -> None:
        for key in self._left:
            raise _Wrong(key, "unknown key")


def _tool(name: str, table: _Table, base: Tool | None) -> Tool:
    modes, wrapper = table.tables("modes"), table.table("wrapper")
    options = table.text("options")
    if options not in ("", "any"):
        raise _Wrong("options", 'is "any" or not there')
    tool = Tool(
        name=name,
        any_option=options == "any",
        options=_options(table),
        operands=table.text("operands", base.operands if base else "text"),
        most=table.number("most", base.most if base else UNLIMITED),
        first=table.set("first"),
        second=table.set("second"),
        files=table.set("files"),
        recursive=table.set("recursive"),
        onto=table.set("onto"),
        announced=table.set("announced"),
        leading=table.set("leading"),
        confined=table.flag("confined", default=base is not None and base.confined),
        reason=table.text("reason", base.reason if base else ""),
        synonyms=table.synonyms() or (base.synonyms if base else {}),
        interpreter=table.flag("interpreter", default=base is not None and base.interpreter),
        wrapper=None if wrapper is None else _wrapper(wrapper),
    )
    if tool.operands not in _OPERANDS:
        raise _Wrong("operands", f"{tool.operands!r} is none of {', '.join(sorted(_OPERANDS))}")
    found = []
    for mode in modes:
        patterns = tuple(mode.strings("for"))
        if not patterns:
            raise _Wrong("modes", "a mode needs `for`, the words that choose it")
        found.append((patterns, _tool(name, mode, tool)))
    table.end()
    return replace(tool, modes=tuple(found))


def _options(table: _Table) -> Options:
    def kinds(key: str, form: re.Pattern[str]) -> dict[str, int]:
        out: dict[str, int] = {}
        for name in table.strings(key, form):
            bare = name.rstrip("=?")
            out[bare] = {"": 0, "=": 1, "?": 2, "==": 3}[name[len(bare) :]]
        return out

    return Options(
        flags=frozenset(table.text("flags")),
        values=frozenset(table.text("values")),
        attached=frozenset(table.text("attached")),
        long=kinds("long", _LONG),
        words=kinds("words", _WORD),
        numbers=table.flag("numbers"),
    )


def _wrapper(table: _Table) -> Wrapper:
    wrapper = Wrapper(
        changes=table.flag("changes", default=True),
        options=_options(table),
        operands=table.number("operands", 0),
        assignments=table.flag("assignments"),
        plain_only=table.flag("plain_only"),
        joined=table.flag("joined"),
        permuted=table.flag("permuted"),
        appends=table.flag("appends"),
        code=table.set("code"),
        shells=table.set("shells"),
        names=table.set("names"),
        directory=table.set("directory"),
    )
    table.end()
    return wrapper
