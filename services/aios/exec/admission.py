"""A command on its way to its start: requested, decided, prepared."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aios.caller import Caller
from aios.config import Config
from aios.errors import (
    AiosError,
    ApprovalRejected,
    ApprovalTimedOut,
    ApprovalWithdrawn,
    Denied,
    Internal,
    NotAuthorized,
    fault,
)
from aios.exec import limits
from aios.exec.audit import Audit
from aios.exec.guard import Guard
from aios.exec.job import Job, Jobs, Step
from aios.exec.link import Link
from aios.exec.live import Live
from aios.exec.machine import Machine
from aios.exec.permit import PENDING, Answer, Permits, require_bound
from aios.exec.profile import Profile
from aios.exec.request import CHAT, PROBE, Request
from aios.exec.session import Sessions
from aios.exec.spec import Spec, account, groups
from aios.exec.unit import Ended
from aios.ids import HOST, new_id

APPROVED = "require_approval"


def now_usec() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True)
class Admission:
    machine: Machine
    config: Config
    profiles: Mapping[str, Profile]
    permits: Permits
    audit: Audit
    jobs: Jobs
    sessions: Sessions
    guard: Guard

    @contextlib.contextmanager
    def not_run(self, job: Job) -> Iterator[None]:
        """Ends the job's records when it fails on its way to the start."""
        try:
            yield
        except asyncio.CancelledError:
            self.audit.failed(job, "Not run, its asker went away,", Ended.CANCELLED)
            self.jobs.forget(job)
            raise
        except Exception as error:
            told = error if isinstance(error, AiosError) else fault(error)
            self.audit.failed(job, f"Not run ({told.message})")
            self.jobs.forget(job)
            raise

    # Requested

    async def request(self, caller: Caller, request: Request, *, start: bool) -> Job:
        within = self.guard.within_usec(request.command, request.confirm_within_usec)
        await self.machine.link()
        await self.audit.require()
        uid, user, session = caller.uid, caller.user, request.session
        if request.delegation:
            uid, user, lent = await self.permits.person(request.delegation)
            session = session or lent
            if uid != caller.uid and not caller.is_service(CHAT):
                raise NotAuthorized(f"the delegation is not for {caller.user}")
        cwd, env = request.cwd, request.env
        if session and request.purpose != PROBE:
            state = self.sessions.state(uid, session).given(cwd, env)
            cwd, env = state.cwd, state.environment()
        job = self.jobs.keep(
            Job(
                id=new_id(), command=request.command, machine=self.machine.name, uid=uid,
                user=user, requested_usec=now_usec(), session=session, cwd=cwd,
                env=env, purpose=request.purpose, words=request.words, start=start,
                pty=request.pty, detach=request.detach, input=request.input,
                peer=caller.bus_name, asker=caller.uid,
                output_max=request.limits.output_max or 0, confirm_within_usec=within,
            )
        )  # fmt: skip
        try:
            self.audit.requested(job)
        except AiosError:
            self.jobs.forget(job)
            raise
        return job

    # Decided

    async def decide(self, live: Live, caller: Caller, request: Request) -> None:
        """Returns with a permit. Raises what refuses the command."""
        with self.not_run(live.job):
            async with self.permits.watching(live.job.id) as resolved:
                state, answer = await self._permitted(live, caller, request, resolved)
            job = live.job
            if answer.decision != "deny" and state in ("", "approved"):
                require_bound(job, answer)
                job = live.job = self.jobs.keep(
                    job, step=Step.DECIDED, approved_by=answer.by_user
                )  # fmt: skip
        if state:
            self.audit.resolved(job, state, answer.by_user)
        else:
            self.audit.decided(job)
        if job.step is not Step.DECIDED:
            self.jobs.forget(job)
            raise _refusal(job, state, answer)

    async def _permitted(
        self, live: Live, caller: Caller, request: Request, resolved: asyncio.Event
    ) -> tuple[str, Answer]:
        """What became of the request, where a human was asked, and policy's answer."""
        answer = await self.permits.authorize(
            live.job, caller_uid=caller.uid, delegation=request.delegation,
            profile=request.profile,
        )  # fmt: skip
        # The person of a connection's delegation is known only now.
        job = live.job = replace(
            live.job, uid=answer.uid, user=answer.user, session=answer.session,
            rule=answer.rule, reason=answer.reason, profile=answer.profile,
            decision=APPROVED if answer.decision == PENDING else answer.decision,
        )  # fmt: skip
        if answer.decision != PENDING:
            return "", answer
        self.audit.pending(job, answer.expires_usec)
        if live.told is not None:
            with contextlib.suppress(ConnectionError):  # who leaves is seen to elsewhere
                await live.told({"pending": job.id})
        return await self.permits.wait(job, resolved, answer.expires_usec)

    # Prepared

    async def prepare(self, live: Live, request: Request) -> tuple[Link, Spec]:
        """All of the unit but its streams, and where it can be started: another link, as to a
        machine that was restarted, may have another profile in force."""
        job = live.job
        with self.not_run(job):
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
            link = await self.machine.link()
            lacking = await self.machine.unenforced(link, profile, spec.account)
            unenforced = allowed.unenforced(lacking)
            spec = replace(spec, profile=profile.among(link.root))
            live.job = replace(job, unenforced=unenforced, output_kept=allowed.output_max or 0)
        return link, spec


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
