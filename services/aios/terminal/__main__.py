"""The child of aios.client.child."""

import ctypes
import os
import signal
import sys
import termios
from types import FrameType

from aios.client import child
from aios.client.__main__ import main
from aios.terminal.editor import Editor

_PR_SET_PDEATHSIG = 1


def leave_in_order() -> None:
    """When we are told to end, or our parent was killed, which would have put it right: the
    terminal is as it was before."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def leave(number: int, _frame: FrameType | None) -> None:
        child.restore(fd, before)
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGHUP)


if __name__ == "__main__":
    if sys.stdin.isatty():
        leave_in_order()
    sys.exit(main(sys.argv[1:], Editor))
