"""Our terminal while it is a job's: every key goes there, and all is as before afterwards."""

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager


def size() -> tuple[int, int]:
    """(rows, columns); zeros where the terminal does not know."""
    try:
        found = os.get_terminal_size(sys.stdin.fileno())
    except OSError:
        return 0, 0
    return found.lines, found.columns


def is_ours() -> bool:
    """Whether standard input is a terminal that we may read without being stopped for it."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


@contextmanager
def raw() -> Iterator[None]:
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)
        yield
    finally:
        # What was typed too late for the job is not meant for the shell.
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
