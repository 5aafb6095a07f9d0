"""The prompt with an editor of its own, as a child in the services' interpreter, which has what
that needs. Whatever becomes of it, the terminal is as it was before: it waits here for its end."""

import os
import signal
import subprocess
import sys
import termios
from collections.abc import Sequence
from types import FrameType

from aios.client import place
from aios.client.engine import PYTHON
from aios.client.system_bus import VENV

MODULE = "aios.terminal"
RESET = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m"
"""Pastes come unmarked, lines wrap, the cursor shows, no colour."""


def available() -> bool:
    """Not in machines, nor where the packages are missing: readline is there."""
    return (
        not place.in_machine()
        and PYTHON.exists()
        and any(VENV.glob("lib/python3*/site-packages/prompt_toolkit/__init__.py"))
    )


def run(arguments: Sequence[str]) -> int:
    """Its exit status, as a shell says it."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    # Not SIG_IGN, which a child inherits: Ctrl-C is the child's.
    signal.signal(signal.SIGINT, lambda *_: None)
    with subprocess.Popen([str(PYTHON), "-I", "-m", MODULE, *arguments]) as child:

        def forward(number: int, _frame: FrameType | None) -> None:
            child.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, forward)
        status = child.wait()
    if status >= 0:
        return status
    restore(fd, before)
    return 128 - status


def restore(fd: int, before: list[int | list[bytes | int]]) -> None:
    """The terminal as it was, unless it is somebody else's by now."""
    try:
        if os.tcgetpgrp(fd) != os.getpgrp():
            return
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
        os.write(fd, f"{RESET}\r\n".encode())
    except (OSError, termios.error):
        return  # it has been hung up
