"""What is known about tools: their options, what they read, and what they run.

The tables are data (`data/commands/*.toml`, read by aios.policy.tables), one file per family
of tools. A tool's own table says which of its words only read; `modes` says so for one
subcommand; `wrapper` says how to find the command that it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

UNLIMITED = 1 << 30


@dataclass(frozen=True, slots=True)
class Options:
    """A tool's options: letters and long names, and which of them take a value."""

    flags: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    attached: frozenset[str] = frozenset()  # letters whose value, if any, is the rest of the word
    long: Mapping[str, int] = field(default_factory=dict)  # 0 no value, 1 one, 2 perhaps, 3 two
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
    most: int = UNLIMITED  # operands
    first: frozenset[str] = frozenset()  # what the first operand must be, if there is one
    second: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()  # options whose value is a file that is read
    recursive: frozenset[str] = frozenset()  # options with which directories are read; "": always
    onto: frozenset[str] = frozenset()  # prefixes of operands that are written: of=, or "" for all
    announced: frozenset[str] = frozenset()  # options that need more than a look: notify
    leading: frozenset[str] = frozenset()  # options that mean the same behind the subcommand
    confined: bool = False  # only reads where it is confined: not beside what is announced
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


_current: Mapping[str, Tool] = {}


def tools() -> Mapping[str, Tool]:
    """Every tool by each of its names: what was last put in use, or as aios ships them."""
    if not _current:
        from aios.policy import tables  # it needs the classes above

        use(tables.load(tables.files([tables.SHIPPED])))
    return _current


def use(found: Mapping[str, Tool]) -> Mapping[str, Tool]:
    """Puts other tables in use; returns those that were."""
    global _current
    before, _current = _current, found
    return before
