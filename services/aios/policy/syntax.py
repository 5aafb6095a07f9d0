"""What the reader hands on: simple commands with words, redirections, assignments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Redirect(NamedTuple):
    op: str  # as written without the descriptor: > >> < <& << ...
    target: str  # a word; for << and <<< the text that is fed
    named: bool  # {fd}>file, which also sets a variable


class Assignment(NamedTuple):
    name: str
    value: str


@dataclass(slots=True)
class Simple:
    """One simple command. Without words: assignments or redirections alone."""

    words: list[str] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    fed_by: list[Simple] = field(default_factory=list)  # what stands before it in the pipeline
    compound: bool = False  # the redirections of a { } or ( ) or loop


class Function(NamedTuple):
    """What identifies a function definition, its own name aside."""

    self_calls: int
    commands: int
    piped: bool
    background: bool


@dataclass(slots=True)
class Line:
    commands: list[Simple] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)  # unescaped code, for the loose reading
    loops: dict[str, str] = field(default_factory=dict)  # variables set now; NAME, PATH or ""
    broken: bool = False  # `commands` may not be all: something was not read, or not surely
