"""What policy says about a command, and the wait for a human where it says "pending".

exec waits, not policy: policy keeps the request in a file and may leave, or be killed, meanwhile.
So exec asks again whenever it hears of an outcome, when policy goes, and when the time is up.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aios.binding import binding
from aios.bus import DAEMON, Bus
from aios.errors import AiosError, Internal, Unavailable
from aios.exec.job import Job
from aios.journal import log
from aios.peer import Peer

POLICY = "org.aios.Policy1"
SOCKET = Path("/run/aios/policy.sock")
CALL_SECONDS = 30
# A timer that fires a little early would find the request still pending.
LATE_SECONDS = 0.5
AGAIN_SECONDS = 2.0
PENDING = "pending"


@dataclass(frozen=True)
class Answer:
    """decision: auto_allow, notify, deny or pending; state: of a redeemed request."""

    decision: str
    rule: str
    part: str
    reason: str
    profile: str
    bound: str
    uid: int
    user: str
    session: str
    expires_usec: int = 0
    by_user: str = ""


def _answer(decision: str, why: dict[str, Any]) -> Answer:
    return Answer(
        decision=decision,
        rule=str(why.get("rule", "")),
        part=str(why.get("command", "")),
        reason=str(why.get("reason", "")),
        profile=str(why.get("profile", "")),
        bound=str(why.get("binding", "")),
        uid=int(why["uid"]),
        user=str(why["user"]),
        session=str(why.get("session", "")),
        expires_usec=int(why.get("expires_usec", 0)),
        by_user=str(why.get("by_user", "")),
    )


def require_bound(job: Job, answer: Answer) -> None:
    """Raises unless the permit is for exactly what is about to run."""
    ours = binding(
        command=job.command, machine=job.machine, uid=answer.uid, cwd=job.cwd, env=job.env,
        profile=answer.profile,
    )  # fmt: skip
    if ours != answer.bound:
        raise Internal("policy's permit is not for this command", hint="nothing ran")


class Permits:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._policy = Peer(SOCKET, POLICY)
        self._waiting: dict[str, asyncio.Event] = {}

    async def subscribe(self) -> None:
        await self._bus.subscribe(POLICY, POLICY, "ApprovalResolved", self._resolved)
        await self._bus.subscribe(DAEMON, DAEMON, "NameOwnerChanged", self._owner_changed)

    def _resolved(self, path: str, body: list[Any]) -> None:
        if event := self._waiting.get(body[0]):
            event.set()

    def _owner_changed(self, path: str, body: list[Any]) -> None:
        name, old, new = body
        if name == POLICY and old and not new:
            for event in self._waiting.values():
                event.set()

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._policy.call(method, **parameters)
        except TimeoutError:
            raise Unavailable("policy does not answer", hint="nothing ran") from None

    async def person(self, delegation: str) -> tuple[int, str, str]:
        """(uid, user, session) of whose delegation it is. Raises NotAuthorized when not live."""
        found = await self._call("DescribeDelegation", delegation=delegation)
        return int(found["uid"]), str(found["user"]), str(found["session"])

    async def authorize(
        self, job: Job, *, caller_uid: int, delegation: str, profile: str
    ) -> Answer:
        context: dict[str, Any] = {
            "id": job.id, "uid": caller_uid, "delegation": delegation, "session": job.session,
            "cwd": job.cwd, "env": dict(job.env), "profile": profile, "purpose": job.purpose,
        }  # fmt: skip
        found = await self._call(
            "Authorize", command=job.command, machine=job.machine,
            context={name: value for name, value in context.items() if value not in ("", {})},
        )  # fmt: skip
        return _answer(found["decision"], found["why"])

    @contextlib.asynccontextmanager
    async def watching(self, job_id: str) -> AsyncIterator[asyncio.Event]:
        """The event that something may have become of the request, which is withdrawn when its
        asker goes, be it while policy is making it."""
        event = self._waiting[job_id] = asyncio.Event()
        try:
            yield event
        except asyncio.CancelledError:
            await self.withdraw(job_id)
            raise
        finally:
            del self._waiting[job_id]

    async def wait(self, job: Job, event: asyncio.Event, expires_usec: int) -> tuple[str, Answer]:
        """The outcome: approved, rejected, expired or withdrawn."""
        # Not by realtime from here on: somebody may set it.
        ends = time.monotonic() + expires_usec / 1e6 - time.time()
        left = ends - time.monotonic() + LATE_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(left, LATE_SECONDS)):
                    await event.wait()
            event.clear()
            try:
                found = await self._call("Redeem", id=job.id)
            except Unavailable:
                # It was killed under the call; the next one starts it again.
                if left <= 0:
                    raise
                left = min(ends - time.monotonic(), AGAIN_SECONDS)
                continue
            if found["state"] != PENDING:
                return found["state"], _answer(PENDING, found["why"])
            left = ends - time.monotonic() + LATE_SECONDS

    async def withdraw(self, job_id: str) -> None:
        """Nobody waits for the request any more."""
        try:
            await self._call("Withdraw", id=job_id)
        except AiosError as error:
            # There may be none; one that stays is refused by time, and its id runs nothing.
            log.info("request not withdrawn", id=job_id, reason=error.message)
