"""What is known about tools: their options, what they read, and what they run.

The tables are data (`data/commands/*.toml`), one file per family of tools. A tool's own
table says which of its words only read; `modes` says so for one subcommand; `wrapper`
says how to find the command that it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import tomli

COMMANDS = Path(__file__).parent / "data" / "commands"

_OPERANDS = frozenset(("text", "names", "files", "none", "plain", "plus", "sed", "test"))


@dataclass(frozen=True, slots=True)
class Options:
    """A tool's options: letters and long names, and which of them take a value."""

    flags: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    long: Mapping[str, int] = field(default_factory=dict)  # 0 no value, 1 a value, 2 perhaps
    words: Mapping[str, int] = field(default_factory=dict)  # whole words such as find's -name
    numbers: bool = False  # -10 and +5


@dataclass(frozen=True, slots=True)
class Wrapper:
    """How a tool that runs another is looked through."""

    changes: bool  # who, where or what: it needs a rule of its own
    options: Options
    operands: int = 0  # words before the inner command
    assignments: bool = False  # NAME=VALUE before it, as for env
    plain_only: bool = False  # any option or assignment makes it one that changes
    joined: bool = False  # its operands are joined and given to a shell
    permuted: bool = False  # options may follow operands
    appends: bool = False  # adds words that are not known
    code: frozenset[str] = frozenset()  # options whose value is shell code
    shells: frozenset[str] = frozenset()  # options with which a shell reads the operands
    names: frozenset[str] = frozenset()  # options with which it only names the command
    directory: frozenset[str] = frozenset()  # options that change the directory


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    any_option: bool = False  # every option only reads
    options: Options = Options()
    operands: str = "text"
    most: int = 1 << 30  # operands
    first: frozenset[str] = frozenset()  # what the first operand must be, if there is one
    second: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()  # options whose value is a file that is read
    recursive: frozenset[str] = frozenset()  # options with which directories are read whole
    onto: frozenset[str] = frozenset()  # prefixes of operands that are written: of=, or "" for all
    announced: frozenset[str] = frozenset()  # options that need more than a look: notify
    reason: str = ""
    synonyms: Mapping[str, str] = field(default_factory=dict)
    modes: tuple[tuple[tuple[str, ...], Tool], ...] = ()
    wrapper: Wrapper | None = None
    interpreter: bool = False

    def mode(self, words: list[str]) -> Tool:
        """The table for the subcommand that words[1] is."""
        if not self.modes or len(words) < 2:
            return self
        for patterns, tool in self.modes:
            if any(fnmatchcase(words[1], pattern) for pattern in patterns):
                return tool
        return self


@cache
def tools() -> Mapping[str, Tool]:
    """Every tool by each of its names."""
    found: dict[str, Tool] = {}
    for path in sorted(COMMANDS.glob("*.toml")):
        for name, table in tomli.loads(path.read_text()).items():
            if name in found:
                raise ValueError(f"{path}: {name} has two tables")
            try:
                tool = _tool(name, dict(table), None)
            except (TypeError, KeyError, ValueError) as error:
                raise ValueError(f"{path}: [{name}]: {error}") from error
            for each in (name, *table.get("also", ())):
                found[each] = tool
    return found


def _tool(name: str, table: dict[str, Any], base: Tool | None) -> Tool:
    table.pop("also", None)
    modes = table.pop("modes", [])
    wrapper = table.pop("wrapper", None)
    tool = Tool(
        name=name,
        any_option=table.pop("options", "") == "any",
        options=_options(table),
        operands=table.pop("operands", base.operands if base else "text"),
        most=table.pop("most", base.most if base else 1 << 30),
        first=frozenset(table.pop("first", ())),
        second=frozenset(table.pop("second", ())),
        files=frozenset(table.pop("files", ())),
        recursive=frozenset(table.pop("recursive", ())),
        onto=frozenset(table.pop("onto", ())),
        announced=frozenset(table.pop("announced", ())),
        reason=table.pop("reason", base.reason if base else ""),
        synonyms={each: names[0] for names in table.pop("synonyms", ()) for each in names}
        or (base.synonyms if base else {}),
        interpreter=table.pop("interpreter", base.interpreter if base else False),
        wrapper=None if wrapper is None else _wrapper(dict(wrapper)),
    )
    if tool.operands not in _OPERANDS:
        raise ValueError(f"operands = {tool.operands!r}")
    found = tuple((tuple(mode.pop("for")), _tool(name, mode, tool)) for mode in map(dict, modes))
    if table:
        raise ValueError(f"unknown key {next(iter(table))!r}")
    return replace(tool, modes=found)


def _options(table: dict[str, Any]) -> Options:
    def kinds(names: list[str]) -> dict[str, int]:
        out: dict[str, int] = {}
        for name in names:
            bare = name.rstrip("=?")
            out[bare] = {"": 0, "=": 1, "?": 2}[name[len(bare) :]]
        return out

    return Options(
        flags=frozenset(table.pop("flags", "")),
        values=frozenset(table.pop("values", "")),
        long=kinds(table.pop("long", [])),
        words=kinds(table.pop("words", [])),
        numbers=table.pop("numbers", False),
    )


def _wrapper(table: dict[str, Any]) -> Wrapper:
    wrapper = Wrapper(
        changes=table.pop("changes"),
        options=_options(table),
        operands=table.pop("operands", 0),
        assignments=table.pop("assignments", False),
        plain_only=table.pop("plain_only", False),
        joined=table.pop("joined", False),
        permuted=table.pop("permuted", False),
        appends=table.pop("appends", False),
        code=frozenset(table.pop("code", ())),
        shells=frozenset(table.pop("shells", ())),
        names=frozenset(table.pop("names", ())),
        directory=frozenset(table.pop("directory", ())),
    )
    if table:
        raise ValueError(f"unknown key wrapper.{next(iter(table))}")
    return wrapper
