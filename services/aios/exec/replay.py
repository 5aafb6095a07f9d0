"""What is in a spool, from its beginning, and what comes to be there, on into the pipe of somebody
who reads. Who is slower than the command misses the middle, and is told so.
"""

import asyncio
import os
from collections.abc import Callable

from aios.exec.pump import Collect, abandoned, make_pipe, waiting
from aios.exec.spool import CHUNK

LOOK_SECONDS = 0.01
SELDOM_SECONDS = 1.0


class Replay:
    """`read_end`: theirs. `over`: they have read it all, or have stopped reading."""

    def __init__(self, pump: Collect) -> None:
        self.read_end, self._pipe = make_pipe()
        os.set_blocking(self.read_end, True)
        os.set_blocking(self._pipe, False)
        self._pump = pump
        self._offset = 0
        self._note = b""
        self._look_seconds = LOOK_SECONDS
        self._loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        self.complete = False
        """They have read it all."""
        pump.grown = self._move
        self._loop.call_soon(self._move)

    def _move(self) -> None:
        if self.over.is_set():
            return
        self._loop.remove_writer(self._pipe)
        try:
            while self._some():
                pass
        except BlockingIOError:
            self._loop.add_writer(self._pipe, self._move)
            return
        except BrokenPipeError:
            self.close()
            return
        if self._pump.settled:
            self._end()

    def _end(self) -> None:
        """Waits until it has been taken from the pipe: who has left before has not read it."""
        if self.over.is_set():
            return
        left = abandoned(self._pipe)
        if left or not waiting(self._pipe):
            self.complete = not left
            self.close()
        else:
            self._loop.call_later(self._look_seconds, self._end)
            self._look_seconds = min(2 * self._look_seconds, SELDOM_SECONDS)

    def _some(self) -> bool:
        """Whether something was moved. Raises BlockingIOError, BrokenPipeError."""
        spool = self._pump.spool
        if gap := spool.gap(self._offset):
            self._note = b"\n[aios: %d bytes left out]\n" % gap
            self._offset += gap
        if self._note:
            self._note = self._note[os.write(self._pipe, self._note) :]
            return True
        moved = spool.pass_on(self._offset, self._pipe, CHUNK)
        self._offset += moved
        return moved > 0

    def close(self) -> None:
        if self.over.is_set():
            return
        self.over.set()
        self._pump.grown = _nobody
        self._loop.remove_writer(self._pipe)
        os.close(self._pipe)


_nobody: Callable[[], None] = lambda: None  # noqa: E731
