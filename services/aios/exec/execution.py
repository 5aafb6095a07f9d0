"""A command from its start to its last record: started, followed, finished; each recorded before
the next. What a kill of exec leaves behind is taken up here again (`resume`).
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aios.caller import Caller
from aios.errors import AiosError, AuditUnavailable, InvalidOption
from aios.exec.admission import Admission, now_usec
from aios.exec.attachment import attach, share
from aios.exec.audit import Audit
from aios.exec.history import History, row
from aios.exec.job import Job, Jobs, Step
from aios.exec.kernel_log import KernelLog
from aios.exec.link import Link, LinkLost
from aios.exec.live import Live
from aios.exec.machine import Machine
from aios.exec.outcome import details
from aios.exec.profile import Name
from aios.exec.request import PROBE
from aios.exec.session import State
from aios.exec.spec import Spec, home
from aios.exec.store import Store
from aios.exec.streams import Passed, Spooled, Streams
from aios.exec.terminal import Terminal
from aios.exec.unit import (
    AFTER_SECONDS,
    LOST,
    Ended,
    NeverBegan,
    NoSuchUnit,
    Result,
    Unit,
    name_of,
)

RECORD_SECONDS = 20.0
AGAIN_SECONDS = 0.25
Details = dict[str, Any]


@dataclass(frozen=True)
class Execution:
    machine: Machine
    admission: Admission
    audit: Audit
    jobs: Jobs
    history: History
    store: Store
    spools: Path
    """The directory of what is printed."""
    open_terminal: Callable[[], Awaitable[tuple[int, str]]]
    kernel_log: KernelLog

    async def execute(self, live: Live, link: Link, spec: Spec, size: tuple[int, int]) -> None:
        """From the start to the last record. Raises an AiosError when the command does not run.
        link: over which its profile has been seen in force. size: rows and columns of its
        terminal."""
        with self.admission.not_run(live.job):
            streams = await self._open(live, size)
        with self._in_use(live, streams):
            unit = await self._start(live, link, replace(spec, terminal=streams.terminal))
            result = await self._follow(live, unit)
            with self.admission.not_run(live.job):
                try:
                    await self.machine.settle(result, spec)
                except InvalidOption:
                    self.admission.sessions.lost(live.job.uid, live.job.session, spec.cwd)
                    raise
            await self._finish(live, result)

    async def resume(self, live: Live) -> None:
        """The same for a command that an exec before this one started."""
        with self._in_use(live, live.streams):
            await self._finish(live, await self._follow(live, None))

    @contextlib.contextmanager
    def _in_use(self, live: Live, streams: Streams | None) -> Iterator[None]:
        """Closes them when nobody will use them. Of what runs the next exec will; of a detached job
        whose end is not on record, it will have what was printed."""
        try:
            yield
        except BaseException as error:
            if streams is not None:
                if live.job.step is not Step.STARTED:
                    streams.close()
                elif not isinstance(error, asyncio.CancelledError):
                    _end(live.job, streams)
            raise

    # Started

    async def _open(self, live: Live, size: tuple[int, int]) -> Streams:
        """With the caller's ends, where the caller is to have some."""
        job, bound = live.job, live.bound()
        if job.pty:
            master, path = await self.open_terminal()
            terminal = Terminal.make(job, self.store, master, path, self.spools, bound)
            live.streams = terminal
            if all(size):
                terminal.resize(*size)
            if not job.detach:
                live.ends = share(terminal)
        elif job.start and not job.detach:
            live.streams, live.ends = Passed.make(job, self.store, bound)
        else:
            live.streams = Spooled.make(job, self.store, self.spools, bound)
        if job.detach:
            live.ends = attach(live)
        return live.streams

    def reopen(self, live: Live) -> Streams:
        """After a kill."""
        job, bound = live.job, live.bound()
        if job.pty:
            return Terminal.found(job, self.store, self.spools, bound)
        if job.start and not job.detach:
            return Passed.found(job, self.store, bound)
        return Spooled.found(job, self.store, self.spools, bound)

    def drop_spools(self, left: Collection[str]) -> None:
        """Lets go of what belongs to no job that is left."""
        for path in self.spools.iterdir():
            if path.stem not in left:
                path.unlink()

    async def _start(self, live: Live, link: Link, spec: Spec) -> Unit | None:
        """The unit; None when nobody knows whether systemd took it."""
        assert live.streams is not None  # noqa: S101 - just opened
        try:
            with self.admission.not_run(live.job):
                # A human may have taken their time.
                await self.audit.require()
                unit = Unit(link, live.job.id)
                await self._arm(live)
                if link.lost.done():
                    raise self.machine.gone_before()
                live.job = self.jobs.keep(live.job, step=Step.STARTED, started_usec=now_usec())
                self.audit.started(live.job, unit.name)
                starting = asyncio.ensure_future(
                    unit.start([*spec.properties(), *live.streams.properties()])
                )
                try:
                    await asyncio.shield(starting)
                except asyncio.CancelledError:
                    _heard()
                    # Once it has been asked for, it is `_follow` that stops it.
                    await asyncio.wait([starting])
                    starting.result()
        except LinkLost:
            return None
        except Exception:
            await self._disarm(live.job)
            raise
        finally:
            live.streams.given()
        live.begun.set_result(None)
        return unit

    async def _arm(self, live: Live) -> None:
        """From here on what it does is undone, unless it does not run. What can only read needs no
        guard."""
        job = live.job
        if job.confirm_within_usec and job.profile != Name.READ_ONLY:
            await self.admission.guard.arm(job)
            live.job = replace(job, confirm_by_usec=now_usec() + job.confirm_within_usec)
            self.audit.armed(live.job)

    async def _disarm(self, job: Job) -> None:
        """It did not run."""
        if job.confirm_by_usec:
            await self.admission.guard.drop(job.id)

    async def confirm(self, caller: Caller, job_id: str) -> None:
        """What a guarded command did stays."""
        await self.audit.require()
        self.audit.confirmed(await self.admission.guard.confirm(caller, job_id), caller.user)

    # Followed

    async def _follow(self, live: Live, unit: Unit | None) -> Result:
        try:
            if live.cause is not None:
                raise asyncio.CancelledError
            result = await self._to_end(live.job, unit, Unit.wait)
        except asyncio.CancelledError:
            if live.cause is None:
                raise  # this exec leaves, and the next one goes on
            _heard()
            result = await self._stopped(live, unit, live.cause)
        live.over()
        if result.ended is not Ended.LOST and live.streams is not None:
            await live.streams.drained(empty=result.empty)
        return result

    async def _stopped(self, live: Live, unit: Unit | None, cause: Ended) -> Result:
        with contextlib.suppress(AuditUnavailable):  # it is stopped, if not by the next exec
            live.job = self.jobs.keep(live.job, cause=str(cause))
        try:
            cancel = functools.partial(Unit.cancel, terminal=live.job.pty)
            result = await self._to_end(live.job, unit, cancel)
        except NeverBegan:
            live.over()
            with self.admission.not_run(live.job):
                await self._disarm(live.job)
                raise live.withdrawn() from None
        return result if result.ended is Ended.LOST else replace(result, ended=cause)

    async def _to_end(
        self, job: Job, unit: Unit | None, how: Callable[[Unit], Awaitable[Result]]
    ) -> Result:
        """Over as many links as that takes."""
        while True:
            try:
                if unit is None:
                    unit = Unit(await self.machine.link(), job.id)
                    await unit.adopt()
                return await how(unit)
            except LinkLost:
                unit = None
            except (NoSuchUnit, AiosError):
                return LOST

    # Finished

    async def _finish(self, live: Live, result: Result) -> None:
        job = live.job
        if result.ended is Ended.LOST:
            self.machine.abandon(name_of(job.id))
        out, err = live.streams.totals() if live.streams else (None, None)
        most = max(out or 0, err or 0)
        if result.ended is Ended.EXIT and job.output_max and most > job.output_max:
            result = replace(result, ended=Ended.OUTPUT)
        result = replace(result, refused=self.kernel_log.refused(name_of(job.id)))
        known = [total for total in (out, err) if total is not None]
        # First the row: whoever finds the finished record after a kill owes nothing more.
        self.history.add(row(job, result))
        await self._record(live, result, sum(known) if known else None)
        lost = live.streams.lost() if live.streams else 0
        said = details(job, result, out, err, lost=lost) | self._session(job, result)
        live.job = replace(job, exit_status=result.status, details=said)
        if job.start:
            live.job = replace(live.job, step=Step.ENDED, ended_usec=now_usec())
            with contextlib.suppress(AuditUnavailable):  # its records say that it has ended
                self.jobs.keep(live.job)
        else:
            self.jobs.forget(job)
        self.history.deliver()
        if isinstance(live.streams, Spooled) and not job.start:
            live.texts = live.streams.texts()
        if not live.begun.done():
            live.begun.set_result(None)
        live.ended.set_result(result)

    async def _record(self, live: Live, result: Result, bytes_out: int | None) -> None:
        """Waits a while for a journal that went while the command ran. One that stays away finds a
        job that nobody has finished, when exec begins again."""
        last = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                await self.audit.require()
                self.audit.finished(live.job, result, bytes_out=bytes_out)
                return
            except AuditUnavailable as error:
                if time.monotonic() >= last:
                    how = f"status {result.status}" if result.status is not None else result.ended
                    raise AuditUnavailable(
                        f"the command ran and has ended ({how}), which is not on record:"
                        f" {error.message}",
                        hint=error.hint,
                    ) from error
            await asyncio.sleep(AGAIN_SECONDS)

    def _session(self, job: Job, result: Result) -> Details:
        """Keeps what the command changed for the next of its session."""
        if not job.session or job.purpose == PROBE:
            return {}
        reason = self.admission.sessions.after(
            job.uid, job.session, job.command, State.of(job.cwd, job.env),
            result.status if result.ended is Ended.EXIT else None,
            home=home(job.machine, job.profile, job.uid),
        )  # fmt: skip
        return {"session_unchanged": reason} if reason else {}

    async def leave(self, live: Live) -> None:
        """Until nobody needs the streams any more; what a detached job printed stays on disk."""
        streams = live.streams
        if streams is None:
            return
        if not live.job.detach:
            await asyncio.sleep(AFTER_SECONDS)
            if isinstance(streams, Passed):
                await streams.read()
        _end(live.job, streams)


def _end(job: Job, streams: Streams) -> None:
    """What a detached job printed stays on disk."""
    if job.detach and isinstance(streams, Spooled | Terminal):
        streams.rest()
    else:
        streams.close()


def _heard() -> None:
    """The cancellation is seen to: until Python 3.11.3 a time-out within a task that counts as
    cancelled ends it."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    task.uncancel()
