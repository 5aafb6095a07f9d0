"""A line as the steps that its own shell takes, by policy's strict reader.

Loads that reader, so it is imported when a line needs it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aios.policy.reader import Reader, odd_characters
from aios.policy.simple import KEYWORD
from aios.policy.syntax import Line, Simple
from aios.policy.words import Unclear

_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
# Neither split, nor a pattern, nor anything that the reader marks in a word.
_ONE_WORD = re.compile(r"[\w./:=@%+,-]+", re.ASCII)
_PLAIN = re.compile(r"[ -~]*")
_BETWEEN = re.compile(r"(?:[ \t]|\\\n)*(&&|\|\||[;&\n#]|)")


class Unknown(Exception):
    """Why nobody can say."""


@dataclass
class Step:
    """One pipeline of the line's own shell. operator: what stands before it. elements: its simple
    commands, None for a compound one; inner: all commands in it."""

    operator: str
    elements: list[Simple | None]
    inner: list[Simple]
    negated: bool
    subshell: bool
    expands: bool
    background: bool = False


class Steps(Reader):
    """Reads a line into its steps. The words of variables that are known are put in."""

    __slots__ = ("_elements", "_end", "_nesting", "_prefix", "_subshell", "known", "steps")

    def __init__(self, text: str, line: Line, *, depth: int = 0) -> None:
        super().__init__(text, line, depth=depth)
        self.known: Mapping[str, str] = {}
        self.steps: list[Step] = []
        self._nesting = 0
        self._end = 0
        self._prefix = 0
        self._subshell = False
        self._elements: list[Simple | None] = []

    def _pipeline(self) -> None:
        self._nesting += 1
        if self._nesting > 1:
            super()._pipeline()
            self._nesting -= 1
            return
        operator = _BETWEEN.match(self.text, self._end)
        start, before = self.pos, len(self.line.commands)
        self._elements, self._subshell, self._prefix = [], False, -1
        super()._pipeline()
        text = self.text[start : self.pos]
        self.steps.append(
            Step(
                operator=operator.group(1) if operator and self.steps else "",
                elements=self._elements,
                inner=self.line.commands[before:],
                negated=self.text[start : max(self._prefix, start)].count("!") % 2 == 1,
                subshell=self._subshell or len(self._elements) > 1,
                expands="$" in text or "`" in text,
            )
        )
        self._end = self.pos
        self._nesting -= 1

    def _command(self) -> None:
        if self._nesting != 1:
            super()._command()
            return
        self._blanks()
        if self._prefix < 0:
            self._prefix = self.pos
        subshell = self.text.startswith("(", self.pos)
        compound = subshell or KEYWORD.match(self.text, self.pos) is not None
        self._subshell = subshell
        super()._command()
        self._elements.append(None if compound else self.line.commands[-1])

    def _assignment(self, match: re.Match[str], simple: Simple) -> None:
        if match.group().endswith("+="):
            self.unclear("a variable is appended to")
        super()._assignment(match, simple)

    def dollar(self, *, quoted: bool) -> str:
        found = _VARIABLE.match(self.text, self.pos)
        value = self.known.get(found[1] or found[2]) if found else None
        if found is None or value is None or not (_PLAIN if quoted else _ONE_WORD).fullmatch(value):
            return super().dollar(quoted=quoted)
        self.pos = found.end()
        self.quoted = True
        return value


def read(command: str, known: Mapping[str, str]) -> list[Step]:
    line = Line()
    reader = Steps(command, line)
    reader.known = known
    try:
        if reason := odd_characters(command):
            raise Unclear(reason)
        reader.whole()
    except (Unclear, RecursionError) as error:
        raise Unknown(f"the line is not plain: {error}") from error
    if line.broken or line.unclear or line.functions:
        raise Unknown("the line is not plain: " + ", ".join(line.unclear))
    steps = reader.steps
    _mark_background(command, reader._end, steps)
    return steps


def _mark_background(command: str, end: int, steps: list[Step]) -> None:
    """What stands before a `&` runs in a shell of its own."""
    last = _BETWEEN.match(command, end)
    after = [step.operator for step in steps[1:]] + [last.group(1) if last else ""]
    background = False
    for step, operator in reversed(list(zip(steps, after, strict=True))):
        if operator not in ("&&", "||"):
            background = operator == "&"
        step.background = background
