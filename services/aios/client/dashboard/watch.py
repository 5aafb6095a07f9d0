"""The status in place, until somebody leaves it.

What moves it is the journal: units and commands write there whatever happens to them. In between,
every two seconds, only systemd is asked, and times are counted on.
"""

import os
import select
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from aios.client import system_bus
from aios.client.dashboard import view
from aios.client.dashboard.look import Looking, healthy
from aios.client.log_table import cut
from aios.client.terminal import Terminal
from aios.client.varlink import UNAVAILABLE, ClientError
from aios.text import print_json

SECONDS = 2.0
PAUSE_SECONDS = 0.7
"""Between two looks, however much the journal moves: each costs some tenths of a second of CPU."""
LEAVE = (b"q", b"Q", b"\x04", b"\x1b", b"")
# xterm's other screen, and the cursor: what was there before comes back.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _LINE_END, _REST = "\x1b[H", "\x1b[K\r\n", "\x1b[J"
UNITS = ("aios-*", "systemd-nspawn@*")


def draw(terminal: Terminal) -> int:
    """On the whole terminal."""
    with ExitStack() as stack:
        bus = stack.enter_context(system_bus.connection())
        journal = stack.enter_context(_following())
        keys = stack.enter_context(_screen(terminal))
        looking, changed = Looking(bus), False
        while True:
            found = looking.again(changed=changed)
            _paint(terminal, found)
            ready = (
                select.select(keys, [], [], PAUSE_SECONDS)[0]
                or (select.select([journal, *keys], [], [], SECONDS)[0])
            )
            if any(os.read(key, 64)[:1] in LEAVE for key in keys if key in ready):
                return 0 if healthy(found) else 1
            changed = journal in ready and _drained(journal)
    # Ctrl-C, which `_screen` takes.
    return 0


def lines() -> int:
    """An object a line, whenever something is otherwise."""
    before, waiting, gone = None, select.poll(), select.poll()
    with system_bus.connection() as bus, _following() as journal:
        waiting.register(journal, select.POLLIN)
        for poll in (waiting, gone):
            # For its errors alone: nobody reads on.
            poll.register(sys.stdout, 0)
        looking, changed = Looking(bus), False
        while True:
            found = looking.again(changed=changed)
            if found != before:
                print_json(found, flush=True)
                before = found
            polled = gone.poll(PAUSE_SECONDS * 1000) or waiting.poll(SECONDS * 1000)
            ready = [descriptor for descriptor, _ in polled]
            if sys.stdout.fileno() in ready:
                raise BrokenPipeError
            changed = journal in ready and _drained(journal)


@contextmanager
def _following() -> Iterator[int]:
    """A descriptor that is readable when one of our units, or a command, wrote something."""
    units = [f"--unit={unit}" for unit in UNITS]
    try:
        journal = subprocess.Popen(
            ["journalctl", "--follow", "--lines=0", "--output=cat", "--quiet", *units],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise ClientError(UNAVAILABLE, f"journalctl: {error.strerror}") from error
    with journal:
        try:
            assert journal.stdout is not None  # noqa: S101 - PIPE
            yield journal.stdout.fileno()
        finally:
            journal.terminate()


def _drained(journal: int) -> bool:
    """Raises ClientError when journalctl has ended: it would be readable ever after."""
    if not os.read(journal, 1 << 16):
        raise ClientError(
            UNAVAILABLE, "journalctl --follow ended", "systemctl status systemd-journald"
        )
    return True


@contextmanager
def _screen(terminal: Terminal) -> Iterator[list[int]]:
    """Ours until it ends, however it ends. Yields what keys come from."""
    keys = [sys.stdin.fileno()] if sys.stdin.isatty() else []
    before = [(key, termios.tcgetattr(key)) for key in keys]
    signal.signal(signal.SIGTERM, _end)
    # Stopped, it would leave the shell on our screen.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        for key in keys:
            tty.setcbreak(key)
        terminal.out.write(_ENTER)
        terminal.out.flush()
        yield keys
    except KeyboardInterrupt:
        pass
    finally:
        terminal.out.write(_LEAVE)
        terminal.out.flush()
        for key, mode in before:
            termios.tcsetattr(key, termios.TCSADRAIN, mode)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _paint(terminal: Terminal, found: dict[str, Any]) -> None:
    """Over what is there, so that nothing flickers; what does not fit is left out."""
    rows = os.get_terminal_size(terminal.out.fileno()).lines or 24
    whole = list(view.lines(found, terminal.width))
    room = max(rows - 1, 1)
    painted = [
        terminal.styled(cut(text, terminal.width), style) + _LINE_END
        for text, style in whole[:room]
    ]
    foot = "q leaves" if len(whole) <= room else f"q leaves; {len(whole) - room} lines do not fit"
    terminal.out.write(_HOME + "".join(painted) + _REST + terminal.styled(foot, "dim"))
    terminal.out.flush()
