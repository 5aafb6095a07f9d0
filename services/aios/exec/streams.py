"""Where the streams of a command go, from before its start until nobody needs them any more.

Every descriptor that the command depends on is in the descriptor store before the command is
started: who finds the job after a kill finds these, and goes on.
"""

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path

from aios.exec.job import Job
from aios.exec.output import Text
from aios.exec.pump import Bound, Collect, Pass, Pump, make_pipes, waiting
from aios.exec.spec import descriptors
from aios.exec.spool import Spool
from aios.exec.store import Store
from aios.exec.unit import Property

DRAIN_SECONDS = 5.0
OUT, ERR = "out", "err"
OUT_READER, ERR_READER = "out-reader", "err-reader"


async def _within(wait: Awaitable[None], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await wait
    except TimeoutError:
        return False
    return True


class Streams(ABC):
    """`pumps`: of stdout and stderr; `unit_ends`: the unit's own, until it has them."""

    def __init__(self, job: str, store: Store) -> None:
        self._job = job
        self._store = store
        self._stored: set[str] = set()
        self.pumps: tuple[Pump, ...] = ()
        self.unit_ends: list[int] = []

    def keep(self, **given: int) -> None:
        """In the store."""
        self._stored |= given.keys()
        self._store.put(self._job, **given)

    def let_go(self, *whats: str) -> None:
        self._store.remove(self._job, self._stored.intersection(whats))
        self._stored.difference_update(whats)

    @property
    def terminal(self) -> str:
        """The path of the terminal that the unit has; empty: it has pipes."""
        return ""

    @abstractmethod
    def properties(self) -> list[Property]:
        """What the unit has for streams."""

    def given(self) -> None:
        """The unit has its ends, or never will."""
        while self.unit_ends:
            os.close(self.unit_ends.pop())

    async def drained(self, *, empty: bool) -> None:
        """Once all the command's processes are gone: until what they printed is where it goes. Who
        was passed a descriptor of it and lives on is not waited for. empty: the kernel says that
        they are gone, so all is in the pipes. (Not in a terminal: it passes bytes on later.)"""
        if empty and not self.terminal:
            self.catch_up()
        waits = [asyncio.ensure_future(pump.drained()) for pump in self.pumps if not pump.over]
        if waits:
            _done, late = await asyncio.wait(waits, timeout=DRAIN_SECONDS)
            for wait in late:
                wait.cancel()

    def catch_up(self) -> None:
        for pump in self.pumps:
            if isinstance(pump, Collect | Pass):
                pump.catch_up()

    def totals(self) -> tuple[int | None, int | None]:
        """Bytes of stdout and stderr; None where nobody knows."""
        found = [pump.total for pump in self.pumps]
        return found[0] if found else None, found[1] if len(found) > 1 else None

    def lost(self) -> int:
        """Bytes for which the disk had no room."""
        return sum(pump.lost for pump in self.pumps)

    def texts(self) -> tuple[Text, Text]:
        raise TypeError("these streams are nobody's to collect")

    def close(self) -> None:
        """Nobody needs them any more."""
        self.given()
        for pump in self.pumps:
            pump.close()
        self.let_go(*self._stored)


class Spooled(Streams):
    """Collected. The command's stdin is /dev/null."""

    def __init__(self, job: str, store: Store, directory: Path, limit: int) -> None:
        super().__init__(job, store)
        self.spools = [Spool(directory / f"{job}.{what}", limit) for what in (OUT, ERR)]

    @classmethod
    def make(cls, job: Job, store: Store, directory: Path, bound: Bound) -> "Spooled":
        self = cls(job.id, store, directory, job.output_kept)
        (out, out_end), (err, err_end) = make_pipes(2)
        self.unit_ends = [out_end, err_end]
        self.keep(**{OUT: out, ERR: err})
        self._collect(out, err, bound)
        return self

    @classmethod
    def found(cls, job: Job, store: Store, directory: Path, bound: Bound) -> "Spooled":
        """After a kill."""
        self = cls(job.id, store, directory, job.output_kept)
        given = store.take(job.id)
        self._stored = set(given)
        for spool in self.spools:
            spool.resume()
        self._collect(given.get(OUT, -1), given.get(ERR, -1), bound)
        return self

    def _collect(self, out: int, err: int, bound: Bound) -> None:
        pairs = zip((out, err), self.spools, strict=True)
        self.collected = tuple(Collect(pipe, spool, bound) for pipe, spool in pairs)
        self.pumps = self.collected

    def properties(self) -> list[Property]:
        out, err = self.unit_ends
        return descriptors(None, out, err)

    def texts(self) -> tuple[Text, Text]:
        out, err = (pump.text() for pump in self.collected)
        return out, err

    def rest(self) -> None:
        """No process is left: what is in the pipes goes to the files, and the pipes go."""
        for pump in self.collected:
            pump.finish()
        self.let_go(*self._stored)

    def close(self) -> None:
        super().close()
        for spool in self.spools:
            spool.remove()


class Passed(Streams):
    """Passed on to who asked, as they read; their stdin is the command's own."""

    def __init__(self, job: str, store: Store) -> None:
        super().__init__(job, store)

    @classmethod
    def make(cls, job: Job, store: Store, bound: Bound) -> tuple["Passed", tuple[int, int, int]]:
        """With the caller's stdin, stdout and stderr."""
        self = cls(job.id, store)
        pairs = make_pipes(4 + job.input)
        (out, out_end), (err, err_end), (stdout, out_reader), (stderr, err_reader) = pairs[:4]
        self.unit_ends = [out_end, err_end]
        if job.input:
            ((stdin_end, stdin),) = pairs[4:]
            self.unit_ends.insert(0, stdin_end)
        else:
            stdin = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for descriptor in (*self.unit_ends[:-2], stdout, stderr):
            os.set_blocking(descriptor, True)
        self.keep(**{OUT: out, ERR: err, OUT_READER: out_reader, ERR_READER: err_reader})
        self._pass((out, out_reader), (err, err_reader), bound, counted=True)
        return self, (stdin, stdout, stderr)

    @classmethod
    def found(cls, job: Job, store: Store, bound: Bound) -> "Passed":
        """After a kill."""
        self = cls(job.id, store)
        given = store.take(job.id)
        self._stored = set(given)
        out = given.get(OUT, -1), given.get(OUT_READER, -1)
        err = given.get(ERR, -1), given.get(ERR_READER, -1)
        self._pass(out, err, bound, counted=False)
        return self

    def _pass(
        self, out: tuple[int, int], err: tuple[int, int], bound: Bound, *, counted: bool
    ) -> None:
        def closed(*whats: str) -> Callable[[], None]:
            # Copies in the store would keep the reader from its end, the command from SIGPIPE.
            return lambda: self.let_go(*whats)

        self.pumps = (
            Pass(*out, bound, closed=closed(OUT, OUT_READER), counted=counted),
            Pass(*err, bound, closed=closed(ERR, ERR_READER), counted=counted),
        )

    def properties(self) -> list[Property]:
        *stdin, out, err = self.unit_ends
        return descriptors(stdin[0] if stdin else None, out, err)

    async def drained(self, *, empty: bool) -> None:
        """Not waited for: whoever reads takes their time."""
        if empty:
            self.catch_up()

    async def read(self) -> None:
        """Once all the command's processes are gone: until whoever reads has it all, or has
        stopped."""
        await asyncio.gather(*map(_read, self.pumps))


async def _read(pump: Pump) -> None:
    while not await _within(pump.drained(), DRAIN_SECONDS):
        # Not the reader's slowness: somebody was passed the pipe, and lives on.
        if not waiting(pump.pipe):
            pump.close()
