"""After a kill: the jobs that an exec before this one had in hand. What was not started never will
be; what was is followed to its end, with its streams from the descriptor store.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from aios.exec.admission import now_usec
from aios.exec.execution import Execution
from aios.exec.job import Job, Step
from aios.exec.live import Live
from aios.exec.permit import Permits
from aios.exec.table import Table
from aios.exec.unit import Ended, Result

ORPHAN_SECONDS = 10
"""How long a job that is not detached waits for somebody who asks for its end."""


@dataclass(frozen=True)
class Recovery:
    execution: Execution
    permits: Permits
    table: Table

    async def recover(self) -> list[Live]:
        """Takes up what is left, and brings the chain of records in order. The jobs that `settle`
        has to see to."""
        left = []
        for job in self.execution.jobs.left():
            live = Live(job)
            live.orphan = True
            if job.step in (Step.STARTED, Step.ENDED):
                # First of all: a command that prints waits for nothing but its reader.
                live.streams = self.execution.reopen(live)
                live.begun.set_result(None)
            self.table.add(live)
            left.append(live)
        self.execution.store.drop_rest()
        self.execution.drop_spools({live.job.id for live in left})
        if left:
            await self.execution.audit.recover()
        return left

    async def settle(self, live: Live) -> None:
        if live.job.step is Step.ENDED:
            await self._ended(live)
            return
        events = await self.execution.audit.events(live.job)
        if live.job.step is not Step.STARTED or "started" not in events or "finished" in events:
            await self._give_up(live, events)
            return
        orphan = asyncio.ensure_future(self._orphaned(live))
        try:
            await self.execution.resume(live)
        finally:
            orphan.cancel()
        await self.execution.leave(live)

    async def _ended(self, live: Live) -> None:
        job = live.job
        live.ended.set_result(
            Result(Ended(job.details.get("ended", Ended.LOST)), status=job.exit_status)
        )
        if live.outdated(now_usec()):
            self.table.forget(live)
        else:
            await self.execution.leave(live)

    async def _orphaned(self, live: Live) -> None:
        """Stops a job whose caller does not come back."""
        if not live.job.start or live.job.detach:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ORPHAN_SECONDS):
                await live.asked.wait()
                return
        live.cancel()

    async def _give_up(self, live: Live, events: set[str]) -> None:
        """It never ran, and will not; or all that was owed has been done."""
        job: Job = live.job
        refused = job.step is Step.REQUESTED and "decided" in events
        if "requested" in events and "finished" not in events and not refused:
            if job.step is Step.REQUESTED:
                await self.permits.withdraw(job.id)
            self.execution.audit.failed(job, "Not run, exec was killed,", Ended.LOST)
        if job.confirm_within_usec and "started" not in events:
            await self.execution.admission.guard.drop(job.id)
        self.table.forget(live)
        live.fail(self.execution.machine.gone())
        if job.step is Step.STARTED:
            # Its result is on record, its unit perhaps there: it was owed when the link opened.
            await self.execution.machine.sweep()
