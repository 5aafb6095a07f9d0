"""A job in the hands of this exec: from its request until nobody is owed anything for it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from aios.caller import Caller
from aios.errors import AiosError, ApprovalWithdrawn
from aios.exec.job import Job
from aios.exec.output import Text
from aios.exec.pump import Bound
from aios.exec.replay import Replay
from aios.exec.streams import Streams
from aios.exec.unit import Ended, Result

KEEP_SECONDS = 60
"""How long the answer of a job of Start is kept after its end, or after a detached one's output has
been read, which is kept until then, at most KEEP_UNREAD_SECONDS."""
KEEP_UNREAD_SECONDS = 7 * 24 * 3600


Told = Callable[[Mapping[str, Any]], Awaitable[None]]


class State(StrEnum):
    WAITING = "waiting"
    """For policy, a human, or a free slot."""
    RUNNING = "running"
    ENDED = "ended"


class Live:
    """`job` is replaced as it comes along. `begun`: its unit runs; `ended`: its records are
    written. Both fail with what kept it from running."""

    def __init__(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        self.job = job
        self.streams: Streams | None = None
        self.ends: tuple[int, int, int] | None = None
        """stdin, stdout and stderr, for the caller of Start, until they are given to them."""
        self.orphan = False
        """Its caller was lost with an exec that was killed."""
        self.replays: list[Replay] = []
        """Who reads what is kept."""
        self.texts: tuple[Text, Text] | None = None
        """What a job of Run printed, once it has ended."""
        self.begun: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[Result] = loop.create_future()
        for future in (self.begun, self.ended):
            # Whoever waits gets the error; nobody has to.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.told: Told | None = None
        """Tells its caller what is known before its end."""
        self.asked = asyncio.Event()
        """Somebody waits for its end, or has."""
        self.cause: Ended | None = None
        """Why it is being stopped."""
        if job.cause:
            self.cause = Ended(job.cause)
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        if self.ended.done():
            return State.ENDED
        return State.RUNNING if self.begun.done() else State.WAITING

    def follow(self, task: "asyncio.Task[None]") -> None:
        """`task` brings it to its end."""
        self._task = task

    def over(self) -> None:
        """Nothing is left to be stopped, only to be recorded."""
        self._task = None

    def cancel(self, cause: Ended = Ended.CANCELLED) -> None:
        """Stops it, wherever it is. Whoever waits for its end learns when it has come."""
        if self.cause is None and self._task is not None and not self.ended.done():
            self.cause = cause
            self._task.cancel()

    def bound(self) -> Bound:
        return Bound(self.job.output_max, lambda: self.cancel(Ended.OUTPUT))

    def take_ends(self) -> tuple[int, int, int]:
        ends, self.ends = self.ends, None
        assert ends is not None  # noqa: S101 - Start has them made, and takes them once
        return ends

    def outdated(self, now_usec: int) -> bool:
        """Whether nobody is owed anything for it any more."""
        unread = self.job.detach and not self.job.read
        keep = KEEP_UNREAD_SECONDS if unread else KEEP_SECONDS
        return now_usec - self.job.ended_usec > keep * 1_000_000

    def close_ends(self) -> None:
        for end in self.ends or ():
            os.close(end)
        self.ends = None

    def fail(self, error: AiosError) -> None:
        """It did not run."""
        for future in (self.begun, self.ended):
            if not future.done():
                future.set_exception(error)

    def withdrawn(self) -> ApprovalWithdrawn:
        return ApprovalWithdrawn("the command was cancelled before it ran")

    async def result(self) -> Result:
        self.asked.set()
        return await asyncio.shield(self.ended)

    def visible(self, caller: Caller) -> bool:
        """For root, the person, and who asked for it on their behalf."""
        own = caller.uid in (self.job.uid, self.job.asker)
        return caller.is_root or (own and not caller.machine)

    def listed(self) -> dict[str, Any]:
        """As ListJobs shows it."""
        job = self.job
        known = {
            "id": job.id, "command": job.command, "state": str(self.state), "uid": job.uid,
            "user": job.user, "detach": job.detach, "pty": job.pty, "session": job.session,
            "cwd": job.cwd, "profile": job.profile, "requested_usec": job.requested_usec,
            "started_usec": job.started_usec or None, "exit_status": job.exit_status,
            "ended": job.details.get("ended"),
        }  # fmt: skip
        return {name: value for name, value in known.items() if value not in ("", None)}
