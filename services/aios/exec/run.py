"""What exec does with commands: run them, start them, show, stop and hand on the jobs that they
become. Knows no D-Bus of its own: the interface calls it, the machine's link does the work.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import structlog

from aios.caller import Caller
from aios.errors import AiosError, Internal
from aios.exec.admission import Admission
from aios.exec.execution import Execution
from aios.exec.live import Live
from aios.exec.outcome import Outcome, outcome
from aios.exec.queue import Slots
from aios.exec.recover import Recovery
from aios.exec.request import Request, require_caller
from aios.exec.table import Table

log = structlog.get_logger()


@dataclass
class Runner:
    admission: Admission
    execution: Execution
    recovery: Recovery
    table: Table
    slots: Slots
    hold: Callable[[], AbstractContextManager[None]]
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, caller: Caller, request: Request) -> Outcome:
        """Raises an AiosError when the command does not run. Cancelled, it stops the command and
        records that, after it has returned."""
        live = await self._take_up(caller, request, start=False)
        try:
            result = await live.result()
        except asyncio.CancelledError:
            live.cancel()
            raise
        if result.status is None or live.texts is None:
            raise self.execution.machine.gone()
        return outcome(live.job, result, *live.texts)

    # The life of a job

    async def _take_up(self, caller: Caller, request: Request, *, start: bool) -> Live:
        """The job, requested, on its way to its end."""
        require_caller(caller, request)
        requested = asyncio.ensure_future(self.admission.request(caller, request, start=start))
        try:
            job = await asyncio.shield(requested)
        except asyncio.CancelledError:
            job = await requested
            with self.admission.not_run(job):
                raise
        live = Live(job)
        self.table.add(live)
        self._keep(live, self._live(live, caller, request))
        return live

    async def _live(self, live: Live, caller: Caller, request: Request) -> None:
        await self.admission.decide(live, caller, request)
        spec = await self.admission.prepare(live, request)
        async with self._slot(live):
            await self.execution.execute(live, spec)
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
                except Exception:
                    log.exception("a job failed", id=live.job.id)
                    live.fail(Internal("aios met a fault of its own", hint="see its journal"))
                finally:
                    self.table.ended(live)

        task = asyncio.ensure_future(live_on())
        live.follow(task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def recover(self) -> None:
        """After a kill: what is owed is settled in the background."""
        for live in await self.recovery.recover():
            self._keep(live, self.recovery.settle(live))
