"""Lines that a person types, with readline where Python has it, and the history of them."""

import contextlib
import os
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Protocol

from aios.client.handing_over import may_keep
from aios.client.terminal import Terminal
from aios.text import visible

HISTORY_LINES = 2000
HOST = ".host"

Complete = Callable[[str], list[str]]
"""All that the line so far may go on as: whole last words."""


class Lines(Protocol):
    """Where prompts come from. Raises EOFError at the end of input, KeyboardInterrupt."""

    def prompt(self, name: str) -> str: ...

    def edit(self, label: str, text: str = "") -> str:
        """A line that begins as `text`."""

    def keep(self, line: str) -> None:
        """Adds to the history."""

    def forget(self) -> None:
        """Drops what was typed ahead: it was typed before a question."""

    def complete(self, complete: Complete) -> None:
        """What Tab offers."""


def risk(name: str) -> str:
    """The colour of a machine's name: the host itself, one in production, any other."""
    if name == HOST:
        return "red"
    return "yellow" if "prod" in name.lower() else "green"


class Kept:
    """The history's file, in the person's own state directory where that can be written. A line is
    there when its answer begins, so that a killed client loses none. A prompt of several lines is
    one of the file's, its newlines written as CR."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self.lines: list[str] = []
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        with contextlib.suppress(OSError, RuntimeError):
            file = Path(state).expanduser() / "aios" / "history"
            if not may_keep(str(file.parent)):
                return
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with file.open(errors="replace", newline="") as reading:
                text = reading.read()
            lines = [line.replace("\r", "\n") for line in text.split("\n") if line]
            self.lines = lines[-HISTORY_LINES:]
            self._file = file
            if len(lines) > 2 * HISTORY_LINES:
                self._shorten(file)

    def _shorten(self, file: Path) -> None:
        draft = file.with_name(f"history.{os.getpid()}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", errors="replace", newline="") as new:
            new.writelines(_one(line) for line in self.lines)
        draft.rename(file)

    def add(self, line: str) -> None:
        self.lines.append(line)
        if self._file is not None:
            with (
                contextlib.suppress(OSError),
                self._file.open("a", errors="surrogateescape", newline="") as file,
            ):
                file.write(_one(line))


def _one(line: str) -> str:
    return line.replace("\n", "\r") + "\n"


class Typed:
    """With readline, or the terminal's own editing where there is none."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._kept: Kept | None = None

    @cached_property
    def _readline(self) -> ModuleType | None:
        try:
            import readline
        except ImportError:
            return None
        return readline

    def _history(self) -> Kept:
        """Read when a prompt is, so not for one that was an argument."""
        if self._kept is None:
            self._kept = Kept()
            if self._readline is not None:
                self._readline.set_history_length(HISTORY_LINES)
                self._readline.set_auto_history(False)
                for line in self._kept.lines:
                    self._readline.add_history(line)
        return self._kept

    def prompt(self, name: str) -> str:
        prompt = f"[{visible(name)}] >"
        if sys.stdout.isatty():
            # readline counts what is between \1 and \2 as no columns.
            coloured = self._terminal.styled(prompt, f"bold {risk(name)}")
            if coloured != prompt:
                start, end = coloured.split(prompt)
                prompt = f"\1{start}\2{prompt}\1{end}\2"
        self._history()
        return input(f"{prompt} ")

    def edit(self, label: str, text: str = "") -> str:
        self._terminal.fresh_line()
        if self._readline is None:
            return input(label)
        readline = self._readline
        readline.set_startup_hook(lambda: readline.insert_text(text))
        try:
            return input(label)
        finally:
            readline.set_startup_hook()

    def keep(self, line: str) -> None:
        self._history().add(line)
        if self._readline is not None:
            self._readline.add_history(line)

    def forget(self) -> None:
        """Nothing is read before it is asked for, and the question has dropped the rest."""

    def complete(self, complete: Complete) -> None:
        if self._readline is None:
            return
        readline = self._readline
        found: list[str] = []

        def candidate(_text: str, state: int) -> str | None:
            if state == 0:
                found[:] = complete(readline.get_line_buffer()[: readline.get_endidx()])
            return found[state] if state < len(found) else None

        readline.set_completer_delims(" \t\n")
        readline.set_completer(candidate)
        readline.parse_and_bind("tab: complete")
