"""What happens to one command: requested, decided, started, finished; each recorded before the
next. Knows no D-Bus of its own: the interface calls it, the machine's link does the work.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from aios.caller import Caller
from aios.config import Config
from aios.errors import (
    AiosError,
    ApprovalRejected,
    ApprovalTimedOut,
    ApprovalWithdrawn,
    Busy,
    Denied,
    Internal,
    MachineNotRunning,
    NoSuchMachine,
    NotAuthorized,
)
from aios.exec import limits
from aios.exec.audit import Audit
from aios.exec.history import History, row
from aios.exec.job import Job, Jobs, Step
from aios.exec.link import LinkLost
from aios.exec.machine import Machine
from aios.exec.outcome import Outcome, outcome
from aios.exec.output import Pipe
from aios.exec.permit import PENDING, Answer, Permits, require_bound
from aios.exec.profile import Profile
from aios.exec.request import CHAT, Request, require_caller
from aios.exec.spec import Spec, account, descriptors, groups
from aios.exec.unit import LOST, Ended, NoSuchUnit, Result, Unit
from aios.ids import HOST, new_id

MAX_RUNNING = 64
DRAIN_SECONDS = 5.0
APPROVED = "require_approval"


def now_usec() -> int:
    return time.time_ns() // 1000


@dataclass
class Runner:
    machine: Machine
    config: Config
    profiles: Mapping[str, Profile]
    permits: Permits
    audit: Audit
    jobs: Jobs
    history: History
    hold: Callable[[], AbstractContextManager[None]]
    running: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, caller: Caller, request: Request) -> Outcome:
        """Raises an AiosError when the command does not run. Cancelled, it stops the command and
        records that, after it has returned."""
        require_caller(caller, request)
        if self.running >= MAX_RUNNING:
            raise Busy(
                f"{MAX_RUNNING} commands run or wait on {self.machine.name}", hint="try again later"
            )
        task = asyncio.ensure_future(self._run(caller, request))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _run(self, caller: Caller, request: Request) -> Outcome:
        self.running += 1
        try:
            with self.hold():
                job = await self._request(caller, request)
                try:
                    job = await self._decide(job, caller, request)
                    job, spec = await self._prepare(job, request)
                except asyncio.CancelledError:
                    self.audit.failed(job, "Not run, its asker went away,", Ended.CANCELLED)
                    self.jobs.over(job)
                    raise
                return await self._execute(job, spec)
        finally:
            self.running -= 1

    # Requested

    async def _request(self, caller: Caller, request: Request) -> Job:
        await self.machine.link()
        await self.audit.require()
        uid, user, session = caller.uid, caller.user, request.session
        if request.delegation:
            uid, user, lent = await self.permits.person(request.delegation)
            session = session or lent
            if uid != caller.uid and not caller.is_service(CHAT):
                raise NotAuthorized(f"the delegation is not for {caller.user}")
        job = self.jobs.keep(
            Job(
                id=new_id(), command=request.command, machine=self.machine.name, uid=uid,
                user=user, requested_usec=now_usec(), session=session, cwd=request.cwd,
                env=request.env, purpose=request.purpose,
            )
        )  # fmt: skip
        try:
            self.audit.requested(job)
        except AiosError:
            self.jobs.over(job)
            raise
        return job

    @contextlib.contextmanager
    def _not_run(self, job: Job) -> Iterator[None]:
        """Ends the job's records when it fails on its way to the start."""
        try:
            yield
        except AiosError as error:
            self.audit.failed(job, f"Not run ({error.message})")
            self.jobs.over(job)
            raise

    # Decided

    async def _decide(self, job: Job, caller: Caller, request: Request) -> Job:
        with self._not_run(job), self.permits.watching(job.id) as resolved:
            answer = await self.permits.authorize(
                job, caller_uid=caller.uid, delegation=request.delegation, profile=request.profile
            )
            # The person of a connection's delegation is known only now.
            job = replace(
                job, uid=answer.uid, user=answer.user, session=answer.session, rule=answer.rule,
                reason=answer.reason, profile=answer.profile,
            )  # fmt: skip
            if answer.decision == PENDING:
                job = replace(job, decision=APPROVED)
                self.audit.pending(job, answer.expires_usec)
                state, answer = await self._wait(job, resolved, answer)
            else:
                job = replace(job, decision=answer.decision)
                state = ""
            if answer.decision != "deny" and state in ("", "approved"):
                require_bound(job, answer)
                job = self.jobs.keep(job, step=Step.DECIDED, approved_by=answer.by_user)
        if state:
            self.audit.resolved(job, state, answer.by_user)
        else:
            self.audit.decided(job)
        if job.step is not Step.DECIDED:
            self.jobs.over(job)
            raise _refusal(job, state, answer)
        return job

    async def _wait(self, job: Job, resolved: asyncio.Event, answer: Answer) -> tuple[str, Answer]:
        try:
            return await self.permits.wait(job, resolved, answer.expires_usec)
        except asyncio.CancelledError:
            await self.permits.withdraw(job.id)
            raise

    # Started

    async def _prepare(self, job: Job, request: Request) -> tuple[Job, Spec]:
        with self._not_run(job):
            profile = self.profiles.get(job.profile)
            if profile is None:
                raise Internal(f"policy chose profile {job.profile!r}, which there is not")
            if job.machine == HOST:
                profile = profile.on_host()
            allowed = limits.effective(self.config, job.machine, profile, request.limits)
            spec = Spec(
                command=job.command, profile=profile,
                account=account(job.machine, profile, job.uid), cwd=job.cwd, env=job.env,
                limits=allowed,
                groups=groups(job.machine, job.uid) if profile.confined else (),
                scratch=f"run-aios-{job.id}" if profile.confined else "",
            )  # fmt: skip
            unenforced = allowed.unenforced(await self.machine.unenforced(profile, spec.account))
            # A human may have taken their time.
            await self.audit.require()
            job = self.jobs.keep(
                job, step=Step.STARTED, started_usec=now_usec(), unenforced=unenforced
            )
        return job, spec

    async def _execute(self, job: Job, spec: Spec) -> Outcome:
        limit = spec.limits.output_max
        assert limit is not None  # noqa: S101 - every machine has one
        stdout, stderr = Pipe(limit), Pipe(limit)
        try:
            result = await self._follow(job, spec, stdout, stderr)
            self._finish(job, result, bytes_out=stdout.collector.total + stderr.collector.total)
        finally:
            stdout.close()
            stderr.close()
        if result.status is None:
            raise self.machine.gone()
        return outcome(job, result, stdout.collector.text(), stderr.collector.text())

    async def _follow(self, job: Job, spec: Spec, stdout: Pipe, stderr: Pipe) -> Result:
        with self._not_run(job):
            unit = Unit(await self.machine.link(), job.id)
            self.audit.started(job, unit.name)
        try:
            try:
                with self._not_run(job):
                    await unit.start(
                        [*spec.properties(), *descriptors(None, stdout.write_end, stderr.write_end)]
                    )
            except LinkLost:
                # Nobody knows whether it was started: `to_end` finds out.
                pass
            stdout.given()
            stderr.given()
            result = await self.to_end(job, unit)
        except asyncio.CancelledError:
            result = replace(await self._stop(job), ended=Ended.CANCELLED)
            self._finish(job, result)
            raise
        if result.ended is not Ended.LOST:
            await self._drain(stdout, stderr)
        with self._not_run(job):
            await self.machine.settle(result, spec)
        return result

    async def _drain(self, *pipes: Pipe) -> None:
        # All processes are gone; a descriptor that was passed out of the unit is not waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                for pipe in pipes:
                    await pipe.drained()

    async def to_end(self, job: Job, unit: Unit | None = None) -> Result:
        """Follows the job's unit to its end, over as many links as that takes."""
        while True:
            try:
                if unit is None:
                    unit = Unit(await self.machine.link(), job.id)
                    await unit.adopt()
                return await unit.wait()
            except LinkLost:
                unit = None
            except (NoSuchUnit, MachineNotRunning, NoSuchMachine):
                return LOST

    async def _stop(self, job: Job) -> Result:
        try:
            unit = Unit(await self.machine.link(), job.id)
            await unit.adopt()
            return await unit.stop()
        except (NoSuchUnit, LinkLost, MachineNotRunning, NoSuchMachine):
            return LOST

    # Finished

    def _finish(self, job: Job, result: Result, *, bytes_out: int | None = None) -> None:
        # First the row: whoever finds the finished record after a kill owes nothing more.
        self.history.add(row(job, result))
        self.audit.finished(job, result, bytes_out=bytes_out)
        self.jobs.over(job)
        self.history.deliver()

    # After a kill

    async def recover(self) -> None:
        """Brings the chain of records in order after a kill; what that exec owed besides is
        settled in the background, where commands that still run are followed."""
        left = self.jobs.left()
        if left:
            await self.audit.recover()
        for job in left:
            self._tasks.add(task := asyncio.ensure_future(self._settle(job)))
            task.add_done_callback(self._tasks.discard)

    async def _settle(self, job: Job) -> None:
        with self.hold():
            events = await self.audit.events(job)
            if job.step is Step.STARTED and "started" in events and "finished" not in events:
                self._finish(job, await self.to_end(job))
            else:
                await self._give_up(job, events)

    async def _give_up(self, job: Job, events: set[str]) -> None:
        """It never ran, and will not."""
        refused = job.step is Step.REQUESTED and "decided" in events
        if "requested" in events and "finished" not in events and not refused:
            if job.step is Step.REQUESTED:
                await self.permits.withdraw(job.id)
            self.audit.failed(job, "Not run, exec was killed,", Ended.LOST)
        self.jobs.over(job)


def _refusal(job: Job, state: str, answer: Answer) -> AiosError:
    by = f" by {answer.by_user}" if answer.by_user else ""
    match state:
        case "rejected":
            return ApprovalRejected(f"rejected{by}: {answer.reason}" if answer.reason else
                                    f"rejected{by}")  # fmt: skip
        case "expired":
            return ApprovalTimedOut("nobody approved it in time", hint="ask again, and approve it")
        case "withdrawn":
            return ApprovalWithdrawn("the request was withdrawn")
    reason = f": {answer.reason}" if answer.reason else ""
    return Denied(f"policy denies {answer.part or job.command!r} ({answer.rule}){reason}")
