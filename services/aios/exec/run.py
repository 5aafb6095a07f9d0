"""What exec does with commands: run them, start them, show, stop and hand on the jobs that they
become. Knows no D-Bus of its own: the interface calls it, the machine's link does the work.
"""

import asyncio
import contextlib
import functools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from aios.caller import Caller
from aios.errors import AiosError, Busy, InvalidOption, fault
from aios.exec.admission import Admission
from aios.exec.attachment import Ends, attach
from aios.exec.execution import Execution
from aios.exec.job import Job, Step
from aios.exec.live import Live, Told
from aios.exec.outcome import Outcome, outcome
from aios.exec.queue import Slots
from aios.exec.recover import Recovery
from aios.exec.request import Request, require_caller
from aios.exec.table import Table
from aios.exec.terminal import Terminal
from aios.journal import log

MAX_JOBS = 1024
"""Each has up to four descriptors here, and as many in the store."""
MAX_OWN = 512
"""Of one person: who reads nothing of what many jobs printed keeps nobody else out."""
Details = dict[str, Any]


@dataclass
class Runner:
    admission: Admission
    execution: Execution
    recovery: Recovery
    table: Table
    slots: Slots
    hold: Callable[[], AbstractContextManager[None]]
    finished: Callable[[Job], None] = lambda job: None
    """Called at the end of a job of Start that was asked for on the bus."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _own: Counter[int] = field(default_factory=Counter)
    """How many of those are for whom."""

    async def run(self, caller: Caller, request: Request, told: Told | None = None) -> Outcome:
        """Raises an AiosError when the command does not run. Cancelled, it stops the command and
        records that, after it has returned. `told` gets {"pending": ID} if a human is asked."""
        live = await self._take_up(caller, request, told, start=False)
        try:
            result = await live.result()
        except asyncio.CancelledError:
            live.cancel()
            raise
        if result.status is None or live.texts is None:
            raise self.execution.machine.gone()
        return outcome(live.job, result, *live.texts)

    async def start(
        self, caller: Caller, request: Request, gone: asyncio.Event, told: Told | None = None
    ) -> tuple[str, Ends]:
        """The job, once it runs, and its streams for the caller. Not detached, it is stopped when
        the caller has gone. `told`: as run's."""
        live = await self._take_up(caller, request, told, start=True)
        try:
            await asyncio.shield(live.begun)
        except BaseException:
            live.cancel()
            live.close_ends()
            raise
        if not request.detach:
            self._leash(live, gone)
        else:
            self._read(live)
        return live.job.id, live.take_ends()

    def _leash(self, live: Live, gone: asyncio.Event) -> None:
        """Stops the job when that peer has gone."""

        async def follow() -> None:
            await gone.wait()
            live.cancel()

        task = asyncio.ensure_future(follow())
        live.ended.add_done_callback(lambda _ended: task.cancel())

    def _read(self, live: Live) -> None:
        """Notes when somebody has read all of a detached job."""
        replays = list(live.replays)

        async def read() -> None:
            for replay in replays:
                await replay.over.wait()
            if not all(replay.complete for replay in replays):
                return
            with contextlib.suppress(AiosError):
                await live.result()
            if live.job.step is Step.ENDED and not live.job.read:
                live.job = self.execution.jobs.keep(live.job, read=True)
                self.table.forget_later(live)

        self._spawn(live.job.uid, read())

    # Jobs

    async def attach(self, caller: Caller, job: str) -> Ends:
        live = self.table.find(job, caller)
        if not live.job.detach or live.streams is None:
            raise InvalidOption(f"job {job} is not detached", hint="its caller has its streams")
        ends = attach(live)
        self._read(live)
        return ends

    def cancel(self, caller: Caller, job: str) -> None:
        self.table.find(job, caller).cancel()

    def resize(self, caller: Caller, job: str, rows: int, columns: int) -> None:
        live = self.table.find(job, caller)
        if not isinstance(live.streams, Terminal):
            raise InvalidOption(f"job {job} has no terminal")
        if live.streams.master >= 0:
            live.streams.resize(rows, columns)

    async def wait(self, caller: Caller, job: str, gone: asyncio.Event) -> tuple[int, Details]:
        """How it ended, once it has. A job whose caller was lost with an exec that was killed is
        this caller's from now on."""
        live = self.table.find(job, caller)
        if live.orphan and live.job.start and not live.job.detach:
            live.orphan = False
            self._leash(live, gone)
        await live.result()
        if live.job.exit_status is None:
            raise self.execution.machine.gone()
        return live.job.exit_status, dict(live.job.details)

    # The life of a job

    async def _take_up(
        self, caller: Caller, request: Request, told: Told | None, *, start: bool
    ) -> Live:
        """The job, requested, on its way to its end."""
        require_caller(caller, request)
        requested = asyncio.ensure_future(self.admission.request(caller, request, start=start))
        try:
            job = await asyncio.shield(requested)
        except asyncio.CancelledError:
            job = await requested
            with self.admission.not_run(job):
                raise
        with self.admission.not_run(job):
            self._require_room(job.uid)
        live = Live(job)
        live.told = told
        self.table.add(live)
        self._keep(live, self._live(live, caller, request))
        return live

    async def _live(self, live: Live, caller: Caller, request: Request) -> None:
        await self.admission.decide(live, caller, request)
        async with self._slot(live):
            link, spec = await self.admission.prepare(live, request)
            await self.execution.execute(live, link, spec, (request.rows, request.columns))
        await self.execution.leave(live)

    @contextlib.asynccontextmanager
    async def _slot(self, live: Live) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            with self.admission.not_run(live.job):
                await stack.enter_async_context(self.slots.slot(live.job.uid))
            yield

    def _keep(self, live: Live, life: Awaitable[None]) -> None:
        async def live_on() -> None:
            with self.hold():
                try:
                    await life
                except AiosError as error:
                    live.fail(error)
                except asyncio.CancelledError:
                    live.fail(live.withdrawn())
                except Exception as error:
                    log.exception("a job failed", id=live.job.id)
                    live.fail(fault(error))
                finally:
                    self.table.ended(live)

        live.ended.add_done_callback(lambda _ended: self._announce(live))
        live.follow(self._spawn(live.job.uid, live_on()))

    def _spawn(self, uid: int, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        self._own[uid] += 1
        task.add_done_callback(functools.partial(self._ended, uid))
        return task

    def _ended(self, uid: int, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._own[uid] -= 1
        if not self._own[uid]:
            del self._own[uid]

    def _require_room(self, uid: int) -> None:
        hint = "aios jobs lists them"
        if len(self._tasks) >= MAX_JOBS:
            raise Busy(f"{MAX_JOBS} jobs wait, run or are read here", hint=hint)
        if self._own[uid] >= MAX_OWN:
            raise Busy(f"{MAX_OWN} of your jobs wait, run or are read here", hint=hint)

    def _announce(self, live: Live) -> None:
        """To who started it, on the bus."""
        if live.job.start and live.job.peer and live.ended.exception() is None:
            self.finished(live.job)

    async def recover(self) -> None:
        """After a kill: what is owed is settled in the background."""
        for live in await self.recovery.recover():
            self._keep(live, self.recovery.settle(live))
