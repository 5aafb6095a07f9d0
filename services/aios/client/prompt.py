"""`[aios] >`: prompts from a person at a terminal, or one a line from anything else."""

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from aios.client.session import Session, worst
from aios.client.terminal import Terminal
from aios.text import visible

HISTORY_LINES = 2000
LEAVE = frozenset({"exit", "quit", "logout"})


class History:
    """The lines typed, in the person's own state directory where that can be written. Each is
    there when its answer begins, so that a killed client loses none."""

    def __init__(self) -> None:
        self._file: Path | None = None
        try:
            import readline
        except ImportError:
            return  # a Python without it: the terminal's own line editing
        self._readline = readline
        readline.set_history_length(HISTORY_LINES)
        readline.set_auto_history(False)
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        with contextlib.suppress(OSError, RuntimeError):
            file = Path(state).expanduser() / "aios" / "history"
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            readline.read_history_file(file)
            self._file = file

    def add(self, line: str) -> None:
        if not hasattr(self, "_readline"):
            return
        self._readline.add_history(line)
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._readline.append_history_file(1, self._file)


def _line(terminal: Terminal, name: str) -> str:
    """One line typed. Raises EOFError at the end of input."""
    prompt = f"[{visible(name)}] > "
    if sys.stdout.isatty():
        # readline counts what is between \1 and \2 as no columns.
        coloured = terminal.styled(prompt.rstrip(), "bold")
        if coloured != prompt.rstrip():
            start, end = coloured.split(prompt.rstrip())
            prompt = f"\1{start}\2{prompt.rstrip()}\1{end}\2 "
    return input(prompt)


def interactive(session: Session, terminal: Terminal) -> int:
    """Until `exit` or the end of input. Raises ClientError where aios cannot be reached."""
    session.open()
    name = session.name()
    history = History()
    while True:
        try:
            line = _line(terminal, name).strip()
            if line in LEAVE:
                return 0
            if line:
                history.add(line)
                session.ask(_sent(line))
        except KeyboardInterrupt:
            # While an answer came, leaving its connections has stopped it.
            terminal.fresh_line()
            print("^C", file=terminal.aside)
        except EOFError:
            print()
            return 0


def batch(session: Session, lines: Iterable[str]) -> int:
    """One prompt a line; the worst of their exit statuses."""
    status = 0
    for line in lines:
        prompt = line.strip()
        if prompt in LEAVE:
            break
        if prompt:
            status = worst(status, session.ask(_sent(prompt)))
    return status


def once(session: Session, prompt: str) -> int:
    return session.ask(_sent(prompt))


def _sent(text: str) -> str:
    """What was not UTF-8 when it was typed has no JSON form."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
