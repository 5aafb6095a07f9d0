"""What a line would run: each simple command, and each command within a wrapper.

A part either needs a decision of its own (`counts`), or is only there for strict rules
(`counts` off: a wrapper that changes nothing), or is merely possible (`possible`: an
argument that may turn out to be run), which only deny rules look at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aios.policy.directories import Directories
from aios.policy.finders import fd_command, find_commands
from aios.policy.programs import only_filters_awk, only_filters_sed
from aios.policy.reader import read
from aios.policy.second import opinion
from aios.policy.syntax import Assignment, Function, Line, Redirect, Simple
from aios.policy.tools import Tool, tools
from aios.policy.words import (
    ANY,
    SPLIT,
    is_dynamic,
    show_all,
    starts_unknown,
)
from aios.policy.wrappers import Walk

MAX_DEPTH = 12
MAX_PARTS = 4096
_SUFFIXES = 24
_MAX_SOURCES = 32

_SYSTEM_PATH = re.compile(r"(?:/usr(?:/local)?)?/s?bin(?:/\.\./s?bin)*/([^/]+)")
_SHELLS = frozenset(("sh", "dash", "ash", "bash", "rbash", "zsh", "ksh", "mksh", "fish"))
# Text that every shell reads as bash does.
_COMMON_SHELL = re.compile(r"(?:[\w ./:=@%+,;|\n\"'-]|&&|2>&1|>/dev/null)*", re.ASCII)
_RUNNERS = frozenset(("find", "fd", "fdfind", "git", "ip"))
_RUNS_LATER = frozenset(("foreach", "run", "exec", "-x", "--exec"))


@dataclass(slots=True)
class Part:
    words: list[str]
    redirects: list[Redirect] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    counts: bool = True
    possible: bool = False
    compound: bool = False
    unclear: str = ""
    _shown: str = ""

    @property
    def name(self) -> str:
        """The command's name, whatever directory it is said to be in."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    def show(self) -> str:
        if self._shown:
            return self._shown
        out = [f"{name}={show_all([value]) if value else ''}" for name, value in self.assignments]
        if self.words:
            out.append(show_all(self.words))
        for op, target, _ in self.redirects:
            out.append(op + ("…" if op.startswith("<<") else show_all([target])))
        self._shown = " ".join(out)
        return self._shown


def plain_name(word: str) -> str:
    """A path in a system directory reduced to the name; others stay paths."""
    if "/" not in word:
        return word
    match = _SYSTEM_PATH.fullmatch(re.sub(r"/(?:\.?/)+", "/", word))
    return match.group(1) if match else word


class Parts:
    """The parts of a line, where it may change to, and text to search loosely."""

    def __init__(self, line: Line, text: str, *, second: bool = False, directory: str = "") -> None:
        """`second`: whether a second reader is asked what it sees. directory: where the line
        begins, absolute; empty: nobody knows."""
        self.found: list[Part] = []
        self.unclear: list[str] = []
        self.texts: list[str] = []
        self.functions: list[Function] = []
        self._where = Directories(directory)
        self.directories = self._where.found
        self._tools = tools()
        self._second = second
        self._runs_data = False  # something is run that the line may have made itself
        self._line(line, text, 0)
        if self._where.too_many:
            self.unclear.append("the directory changes too often")
        if self._runs_data:
            values: list[str] = []
            for part in self.found:
                values += [value for _, value in part.assignments if value]
                if part.name in ("echo", "printf"):
                    self.texts.append(" ".join(part.words[1:]))
                self.texts += [r.target for r in part.redirects if r.op.startswith("<<")]
            self.texts += [*values, " ".join(values)]

    def _line(self, line: Line, text: str, depth: int) -> None:
        self.unclear += line.unclear
        self.functions += line.functions
        if line.broken:
            self.texts += [text, *line.fragments]
        for simple in line.commands:
            self._add(
                Part(
                    simple.words,
                    simple.redirects,
                    simple.assignments,
                    compound=simple.compound,
                ),
                simple.fed_by,
                depth,
            )
        if self._second:
            unclear, unseen = opinion(text, line)
            if unclear:
                self.unclear.append(unclear)
            for simple in unseen:
                # Where the strict reader gave up, a command is no more than possible.
                part = Part(simple.words, simple.redirects, simple.assignments)
                part.possible = line.broken
                self._add(part, simple.fed_by, depth)

    def _code(self, text: str, depth: int) -> None:
        """Shell code in a word."""
        if is_dynamic(text):
            self.unclear.append("code is run that is not known before")
            self.texts.append(text)
            self._runs_data = True
            return
        if depth > MAX_DEPTH:
            self.unclear.append("nested too deep")
            self.texts.append(text)
            return
        self._line(read(text, depth=depth), text, depth)

    def _possible(self, words: list[str], depth: int) -> None:
        """Each suffix of `words` may be a command."""
        for start in range(min(len(words), _SUFFIXES)):
            if depth < MAX_DEPTH:
                self._add(Part(words[start:], possible=True), [], MAX_DEPTH)
        self.texts.append(" ".join(words))

    def _add(self, part: Part, fed_by: list[Simple], depth: int) -> None:
        words = part.words
        if len(self.found) > MAX_PARTS:
            if "too many commands" not in self.unclear:
                self.unclear.append("too many commands")
            return
        self.found.append(part)
        if not words:
            return
        first = words[0]
        if not first.isascii():
            dynamic = is_dynamic(first)
            part.unclear = (
                "the command's name is not known before it runs"
                if dynamic
                else "the command's name is not plain ASCII"
            )
            if dynamic and depth < MAX_DEPTH:
                self._runs_data = True
                self._possible(words[1:], depth)
                pieces = [piece for piece in first.split(SPLIT) if piece]
                if len(pieces) > 1:  # rm$IFS-rf$IFS/
                    self._possible([*pieces, *words[1:]], depth)
            return
        if "/" in first:
            words = part.words = [plain_name(first), *words[1:]]
        name = part.name
        tool = self._tools.get(name)
        if tool is None:
            if name[-1:].isdigit() or "." in name:
                tool = self._tools.get(name.rstrip("0123456789."))  # python3.11
            if tool is None or not tool.interpreter:
                return
        words = self._verb_first(part, tool)
        runs = tool.wrapper or tool.interpreter or name in _RUNNERS
        if depth >= MAX_DEPTH and runs:
            if not part.possible:
                part.unclear = "nested too deep"
            self.texts.append(" ".join(words[1:]))
            return
        if name in ("cd", "pushd"):
            self._where.change(words[1:])
        elif name == "find":
            for inner, certain in find_commands(words):
                self._add(
                    Part(inner, possible=not certain), [], depth + 1 if certain else MAX_DEPTH
                )
        elif name in ("fd", "fdfind"):
            if inner := fd_command(words):
                self._add(Part(inner), [], depth + 1)
        elif name in ("git", "ip"):
            self._runs_later(words)
        elif name in _SHELLS:
            self._shell(part, name, depth)
            self._stdin(part, fed_by)
        elif name == "eval":
            self._code(" ".join(words[1:]), depth + 1)
        elif tool.wrapper:
            self._wrapped(part, tool, fed_by, depth)
        elif tool.interpreter:
            self.texts += [*words[1:], " ".join(words[1:])]
            self._stdin(part, fed_by)
        elif tool.operands in ("awk", "sed"):
            only_filters = only_filters_awk if tool.operands == "awk" else only_filters_sed
            self.texts += [word for word in words[1:] if not only_filters(word)]

    def _verb_first(self, part: Part, tool: Tool) -> list[str]:
        """The words with the subcommand first, as in `systemctl --no-pager status`."""
        name, *rest = part.words
        moved: list[str] = []
        while len(rest) > 1 and rest[0] in tool.leading:
            moved.append(rest.pop(0))
        if moved:
            part.show()  # as it was written
            part.words = [name, *rest, *moved]
        return part.words

    # Shells

    def _shell(self, part: Part, name: str, depth: int) -> None:
        words, index, code = part.words, 1, False
        while index < len(words):
            word = words[index]
            if starts_unknown(word):
                part.unclear = "the shell's options or code are not known before it runs"
                self._runs_data = True
                self._possible(words[index:], depth)
                self.texts += words[index:]
                return
            if word == "--" or word == "-":
                index += 1
                break
            if word[:1] not in ("-", "+") or len(word) == 1:
                break
            if word.startswith("--"):
                index += 1 if word in ("--rcfile", "--init-file") else 0
            else:
                code = code or (word[0] == "-" and "c" in word)
                index += 1 if "o" in word or "O" in word else 0
            index += 1
        if not code or index >= len(words):
            self.texts += words[index:]
            return
        text = words[index]
        plain = words[1] == "-c" and index == 2 and not is_dynamic(text)
        same = name == "bash" or (
            name in ("sh", "dash") and _COMMON_SHELL.fullmatch(text) is not None
        )
        if plain and same and part.words[0] == name:
            part.counts = False
            self._moved(part)
        else:
            part.unclear = "a shell is given code that is not plain"
        self._code(text, depth + 1)
        if "$" in text:
            self._possible(words[index + 1 :], depth)

    def _moved(self, part: Part) -> None:
        """What is around a part that does not count still counts."""
        if part.redirects or part.assignments:
            rest = Part([], part.redirects, part.assignments, compound=True)
            part.redirects, part.assignments = [], []
            self.found.append(rest)

    def _stdin(self, part: Part, fed_by: list[Simple]) -> None:
        """What is fed to a shell or an interpreter."""
        self._runs_data = True
        redirects = list(part.redirects)
        sources, seen = list(fed_by), 0
        while seen < len(sources) and seen < _MAX_SOURCES:
            source = sources[seen]
            seen += 1
            redirects += source.redirects
            if source.words and source.words[0].rpartition("/")[2] in ("echo", "printf"):
                self.texts += [" ".join(source.words[1:]), *source.words[1:]]
            sources += source.fed_by
        self.texts += [target for op, target, _ in redirects if op.startswith("<<")]

    # Wrappers

    def _wrapped(self, part: Part, tool: Tool, fed_by: list[Simple], depth: int) -> None:
        wrapper, words = tool.wrapper, part.words
        assert wrapper is not None  # noqa: S101  # the caller has looked
        walk = Walk(words, wrapper)
        changes = wrapper.changes or "/" in words[0]
        if wrapper.plain_only and (walk.options or walk.assigned):
            changes = True
        for name, value in walk.options:
            if name in wrapper.names and not walk.uncertain:
                return  # it only names the command
            if name in wrapper.directory:
                self._where.change([value])
            if name in wrapper.shells:
                self.texts += [" ".join(walk.inner)]
            if name in wrapper.code:
                part.unclear = "code is given to a wrapper"
                self._code(value, depth + 1)
        if walk.uncertain:
            part.unclear = f"this use of {part.name} is not known"
            self._runs_data = True
            self._possible(words[1:], depth)
            self.texts += [word for word in words[1:] if " " in word]
            return
        inner = walk.inner
        if wrapper.permuted and wrapper.operands > 8:
            self._possible(inner, depth)
            self._stdin(part, fed_by)
            return
        if not inner:
            self._stdin(part, fed_by)
            return
        if wrapper.joined:
            self._code(" ".join(inner), depth + 1)
            # Some of these run the words as they are, on request.
            self._add(Part(list(inner), possible=True), fed_by, depth + 1)
            if wrapper.appends:
                rest = [word for word in inner if not word.startswith(":::")]
                self._possible([*rest, SPLIT], depth)
            return
        if wrapper.appends:
            replaced = [value for name, value in walk.options if name in ("I", "i", "replace")]
            mark = (replaced[-1] or "{}") if replaced else ""
            inner = [word.replace(mark, ANY) for word in inner] if mark else [*inner, SPLIT]
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        if not changes:
            part.counts = False
            redirects, part.redirects = part.redirects, []
            assignments, part.assignments = part.assignments, []
        else:
            fed_by = [*fed_by, Simple(redirects=part.redirects)]
        inside = Part(inner, redirects, assignments, possible=part.possible)
        self._add(inside, fed_by, depth + 1)

    def _runs_later(self, words: list[str]) -> None:
        """git -c alias.x='!…', git submodule foreach, git bisect run, ip netns exec."""
        for index, word in enumerate(words[1:], 1):
            before = words[index - 1]
            if before in ("-c", "--config") or word.startswith(("--config=", "-c")):
                self.texts.append(word.partition("=")[2].lstrip("!"))
            if before in _RUNS_LATER or word.startswith("--exec="):
                rest = " ".join([word.removeprefix("--exec="), *words[index + 1 :]])
                self.texts.append(rest)
