"""Our three streams and a job's, in both directions, byte for byte.

One thread for each blocks as its streams do: standard streams are shared with whoever started us,
and making them non-blocking would make them so for everybody.
"""

# ruff: noqa: SIM105 - those imports take longer than a command

from __future__ import annotations

import errno
import os
import select
import stat

from aios.client.lean import Event, Thread, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Move = Callable[[int, int], int]
    """(source, target) → bytes moved; 0 at the end of source."""

CHUNK = 1024 * 1024
_READ = 64 * 1024
_TAIL = 4096
_HUNG_UP_SECONDS = 0.1


def copy(source: int, target: int) -> int:
    data = os.read(source, _READ)
    write_all(target, data)
    return len(data)


def fastest(source: int, target: int) -> Move:
    """The kernel moves from pipe to pipe, or to nowhere. Not into a file: splice does not take the
    lock on its offset that write does, and our stdout and stderr may share one."""
    into = os.fstat(target)
    takes = stat.S_ISFIFO(into.st_mode) or (
        stat.S_ISCHR(into.st_mode) and into.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116
    )
    if takes and stat.S_ISFIFO(os.fstat(source).st_mode):
        return lambda source, target: os.splice(source, target, CHUNK)
    return copy


def widen(descriptor: int) -> None:
    """Fewer, larger moves. What is no pipe, or may grow no more, stays as it is."""
    import fcntl

    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, CHUNK)
    except OSError:
        pass


def write_all(target: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(target, left) :]
        except BlockingIOError:
            select.select([], [target], [])


class Tail:
    """Moves as `copy` does, and remembers the last of it."""

    def __init__(self) -> None:
        self.last = b""

    def move(self, source: int, target: int) -> int:
        data = os.read(source, _READ)
        write_all(target, data)
        self.last = (self.last + data)[-_TAIL:]
        return len(data)


class Stream(Thread):
    """Moves what comes from `source` to `target` until either ends. `own`, one of them, is closed
    then, which is how the other side learns of it; `done` is called."""

    def __init__(self, source: int, target: int, *, own: int, move: Move | None = None) -> None:
        self._source, self._sink, self._own = source, target, own
        self._move = move or fastest(source, target)
        self.done: Callable[[], None] = lambda: None
        self.over = False
        self.broken = False
        """Nobody reads `target` any more."""
        self.error: OSError | None = None

    def run(self) -> None:
        try:
            moved = 0
            while size := self._step():
                if moved < CHUNK <= (moved := moved + size):
                    widen(self._source)
                    widen(self._sink)
        except BrokenPipeError:
            self.broken = True
        except OSError as error:
            self.error = error
        finally:
            os.close(self._own)
            self.over = True
            self.done()

    def _step(self) -> int:
        """What was moved; 0 at the end."""
        while True:
            try:
                return self._move(self._source, self._sink)
            except BlockingIOError:
                # Somebody else made one of them so.
                select.select([self._source], [], [])
                select.select([], [self._sink], [])


class Screen(Stream):
    """What is printed on a terminal. It has an end when the job has: before, nobody having the
    terminal open (EIO) means only that the next program has not opened it yet."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__(source, target, own=source, move=copy)
        self.ended = Event()

    def _step(self) -> int:
        while True:
            last = self.ended.is_set()
            try:
                return super()._step()
            except OSError as error:
                if error.errno != errno.EIO or isinstance(error, BrokenPipeError):
                    raise
            if last:
                return 0
            self.ended.wait(_HUNG_UP_SECONDS)


def start(streams: Iterable[Stream]) -> None:
    """Signals stay the main thread's: one that arrived elsewhere would not wake it."""
    before = signals.pthread_sigmask(signals.SIG_BLOCK, signals.valid_signals())
    try:
        for stream in streams:
            stream.start()
    finally:
        signals.pthread_sigmask(signals.SIG_SETMASK, before)
