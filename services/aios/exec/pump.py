"""Moving one stream of a command from its pipe: into a spool, which never makes it wait, or on into
its reader's pipe, which does. The kernel moves, by splice: what it has moved is no longer in the
first pipe and is in the second, also when exec is killed at that moment.
"""

import asyncio
import contextlib
import fcntl
import os
import select
import struct
import termios
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aios.channel import close_all
from aios.exec.output import Text
from aios.exec.spool import CHUNK, Spool
from aios.journal import log

PIPE_SIZE = 1024 * 1024
MUCH = 1024 * 1024
"""Bytes of a stream after which a thread of its own moves it."""
BREATH_SECONDS = 0.0002
"""What a writer of small pieces is given before the next move: they would be as many moves, each of
which wakes up two processes."""
LAZY_SECONDS = 0.02
"""How long the first output stays in its pipe. Most commands are over by then, and need no file."""


class Progress(Protocol):
    def __call__(self, *, over: bool) -> None: ...


def make_pipe() -> tuple[int, int]:
    """(read end, which does not block; write end, for a command)."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read_end, False)
    # The command may open it again as /dev/stdout, being another user.
    os.fchmod(write_end, 0o666)
    return read_end, write_end


def make_pipes(count: int) -> list[tuple[int, int]]:
    """So many, or none where descriptors are short."""
    made: list[tuple[int, int]] = []
    try:
        while len(made) < count:
            made.append(make_pipe())
    except BaseException:
        for pair in made:
            close_all(pair)
        raise
    return made


def waiting(pipe: int) -> int:
    """Bytes in a pipe."""
    (size,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return int(size)


def abandoned(pipe: int) -> bool:
    """Whether nobody has its other end any more."""
    poll = select.poll()
    poll.register(pipe, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def widen(pipe: int) -> int:
    """Fewer, larger moves; where the system grants no more, it stays as it is. Its size, bytes."""
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    except OSError as error:
        log.debug("pipe stays small", reason=str(error))
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


@dataclass(frozen=True)
class Bound:
    """`exceeded` is called at each move while more than `most` bytes have come; 0: any may."""

    most: int = 0
    exceeded: Callable[[], None] = lambda: None


class Pump(ABC):
    """`pipe`: the read end, the pump's own from now on."""

    def __init__(self, pipe: int, bound: Bound) -> None:
        self.pipe = pipe
        self._bound = bound
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self.lost = 0
        """Bytes for which the disk had no room."""

    @property
    @abstractmethod
    def total(self) -> int | None:
        """Bytes that came; None when nobody knows."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._over.is_set()

    def _check(self) -> None:
        if self._bound.most and (self.total or 0) > self._bound.most:
            self._bound.exceeded()

    async def drained(self) -> None:
        """Until the last writer is gone, and what it wrote is where it goes."""
        await self._over.wait()

    def close(self) -> None:
        if self.pipe >= 0:
            self._loop.remove_reader(self.pipe)
            os.close(self.pipe)
            self.pipe = -1
        self._over.set()


class Collect(Pump):
    """Into a spool; what comes within LAZY_SECONDS of an end, from the pipe itself."""

    def __init__(self, pipe: int, spool: Spool, bound: Bound) -> None:
        super().__init__(pipe, bound)
        self.spool = spool
        self._timer: asyncio.TimerHandle | None = None
        self.grown: Callable[[], None] = lambda: None
        """Called when there is more in the spool, or nothing more will come."""
        if pipe < 0:
            self._over.set()
        else:
            self._loop.add_reader(pipe, self._begin if spool.begun else self._first)

    @property
    def total(self) -> int | None:
        return self.spool.total + self.lost + (waiting(self.pipe) if self.pipe >= 0 else 0)

    def _first(self) -> None:
        self._loop.remove_reader(self.pipe)
        if abandoned(self.pipe):
            self._over.set()
        else:
            self._timer = self._loop.call_later(LAZY_SECONDS, self._begin)

    def _begin(self) -> None:
        self._timer = None
        widen(self.pipe)
        self._loop.add_reader(self.pipe, self._move)

    def _move(self) -> int:
        """Bytes that came."""
        try:
            moved = self.spool.take(self.pipe)
        except BlockingIOError:
            return 0
        except OSError as error:
            # The command is not to blame: it goes on, and what it prints is counted.
            if not self.lost:
                log.error("output is lost", file=str(self.spool.path), reason=str(error))
            moved = len(os.read(self.pipe, CHUNK)) if waiting(self.pipe) else 0
            self.lost += moved
        if not moved:
            self._loop.remove_reader(self.pipe)
            self._over.set()
        self.grown()
        self._check()
        return moved

    def _rest(self) -> None:
        """What is in the pipe now: somebody who was passed its other end may write on for ever."""
        left = waiting(self.pipe)
        while left > 0 and (moved := self._move()):
            left -= moved

    @property
    def settled(self) -> bool:
        """Whether all that there will be is in the spool."""
        return self._over.is_set() and (self.pipe < 0 or not waiting(self.pipe))

    def finish(self) -> None:
        """What is left in the pipe goes to the spool, and nothing more will come."""
        if self.pipe >= 0:
            self._rest()
        super().close()
        self.grown()

    def catch_up(self) -> None:
        """All that will be written is in the pipe: its end need not be waited for."""
        if self._over.is_set():
            return
        if self._timer is None and self.spool.begun:
            self._rest()
        self._loop.remove_reader(self.pipe)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._over.set()
        self.grown()

    async def drained(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            if abandoned(self.pipe):
                self._over.set()
            else:
                self._begin()  # a descriptor of it has been passed to somebody else
        await self._over.wait()

    def text(self) -> Text:
        """What there is of it. Once: it may be taken from the pipe."""
        left = waiting(self.pipe) if self.pipe >= 0 else 0
        return self.spool.text(os.read(self.pipe, left) if left else b"")

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().close()
        self.grown()


class Pass(Pump):
    """On into the pipe of who reads it, as fast as they read. When they stop reading, the command
    is told as in a shell: by SIGPIPE. Where there is much, a thread moves it."""

    def __init__(
        self, pipe: int, reader: int, bound: Bound, *, closed: Callable[[], None], counted: bool
    ) -> None:
        """`reader`: the write end of their pipe, the pump's own from now on. `closed`: when both
        are. counted False: some had been moved before."""
        super().__init__(pipe, bound)
        self.reader = reader
        self._closed = closed
        self._moved = 0
        self._all = False
        """Nothing more will be written."""
        self._counted = counted
        self._mover: Mover | None = None
        if pipe < 0 or reader < 0:
            self.close()
        else:
            self._loop.add_reader(pipe, self._move)

    @property
    def total(self) -> int | None:
        if not self._counted:
            return None
        if self._mover is not None:
            return self._moved + self._mover.total()
        return self._moved + (waiting(self.pipe) if self.pipe >= 0 else 0)

    def catch_up(self) -> None:
        """All that will be written is in the pipe: its end need not be waited for."""
        if self._mover is None and self.pipe >= 0:
            self._all = True
            if not waiting(self.pipe):
                self.close()

    def _move(self) -> None:
        try:
            moved = os.splice(self.pipe, self.reader, CHUNK, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            if waiting(self.pipe):
                self._loop.remove_reader(self.pipe)
                self._loop.add_writer(self.reader, self._room)
            return
        except BrokenPipeError:
            moved = 0
        self._moved += moved
        if not moved or (self._all and not waiting(self.pipe)):
            self.close()
        elif self._moved >= MUCH:
            self._loop.remove_reader(self.pipe)
            self._mover = Mover(self.pipe, self.reader, self._progress)
            self._mover.start()
        self._check()

    def _room(self) -> None:
        self._loop.remove_writer(self.reader)
        self._loop.add_reader(self.pipe, self._move)

    def _progress(self, *, over: bool) -> None:
        """From the thread."""
        with contextlib.suppress(RuntimeError):  # exec leaves
            self._loop.call_soon_threadsafe(self.close if over else self._check)

    def close(self) -> None:
        if self._mover is not None:
            self._mover.stop()
        if self.reader >= 0:
            self._loop.remove_writer(self.reader)
            os.close(self.reader)
            self.reader = -1
            self._closed()
        super().close()


class Mover(threading.Thread):
    """Moves between two pipes without the event loop, whose every turn costs more than a move.
    `progress` is called, in the thread, now and then and at the end. It has descriptors of its own:
    the others are closed while it may be at it."""

    def __init__(self, pipe: int, reader: int, progress: Progress) -> None:
        super().__init__(daemon=True)
        self._pipe, self._reader, self._wake = os.dup(pipe), os.dup(reader), os.eventfd(0)
        self._progress = progress
        self._moved = 0
        self._moving = threading.Lock()
        """Held while bytes are in neither count."""
        self._over = False
        self._little = min(widen(end) for end in (pipe, reader)) // 4

    def total(self) -> int:
        """Bytes moved, and those in the pipe until they are."""
        with self._moving:
            return self._moved + (0 if self._over else waiting(self._pipe))

    def stop(self) -> None:
        with self._moving:
            if not self._over:
                os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        told = 0
        while self._some():
            if self._moved - told >= MUCH:
                told = self._moved
                self._progress(over=False)
        with self._moving:
            self._over = True
            for end in (self._pipe, self._reader, self._wake):
                os.close(end)
        self._progress(over=True)

    def _some(self) -> bool:
        """False at the end of either pipe, or when it is stopped."""
        try:
            with self._moving:
                moved = os.splice(self._pipe, self._reader, PIPE_SIZE, flags=os.SPLICE_F_NONBLOCK)
                self._moved += moved
            if 0 < moved < self._little:
                time.sleep(BREATH_SECONDS)
            return moved > 0
        except BlockingIOError:
            full = waiting(self._pipe) > 0
        except BrokenPipeError:
            return False
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if full:
            poll.register(self._reader, select.POLLOUT)
        else:
            poll.register(self._pipe, select.POLLIN)
        return all(found != self._wake for found, _ in poll.poll())
