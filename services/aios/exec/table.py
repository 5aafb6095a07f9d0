"""The jobs that this exec has in hand, and those that ended lately."""

import asyncio
from collections import Counter
from typing import Any

from aios.caller import Caller
from aios.errors import NotFound
from aios.exec.job import Jobs
from aios.exec.live import KEEP_SECONDS, Live

MAX_KEPT = 256
"""Detached jobs that have ended and that nobody has read. The oldest of who has most give way."""


class Table:
    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._live: dict[str, Live] = {}

    def add(self, live: Live) -> None:
        self._live[live.job.id] = live

    def visible(self, job: str, caller: Caller) -> bool:
        # A command has its person's uid, and could type into a job of theirs that may do more.
        return job in self._live and self._live[job].visible(caller) and not caller.is_command

    def find(self, job: str, caller: Caller) -> Live:
        """Raises NotFound, also for other people's."""
        if not self.visible(job, caller):
            raise NotFound(f"there is no job {job}", hint="aios jobs lists them")
        return self._live[job]

    def of(self, caller: Caller) -> list[Live]:
        """The caller's own, root's all; the oldest first."""
        if caller.is_command:
            return []
        found = [live for live in self._live.values() if live.visible(caller)]
        return sorted(found, key=lambda live: live.job.id)

    def listed(self, caller: Caller) -> list[dict[str, Any]]:
        return [live.listed() for live in self.of(caller)]

    def ended(self, live: Live) -> None:
        """Its answer is kept a while for who asks; a detached job's until it is read."""
        if not live.job.start or live.ended.exception() is not None:
            self._live.pop(live.job.id, None)
        elif live.job.detach and not live.job.read:
            self._bound()
        else:
            self.forget_later(live)

    def forget_later(self, live: Live) -> None:
        asyncio.get_running_loop().call_later(KEEP_SECONDS, self.forget, live)

    def _bound(self) -> None:
        kept = [live for live in self._live.values() if live.job.detach and live.ended.done()]
        own = Counter(live.job.uid for live in kept)
        while own.total() > MAX_KEPT:
            most = max(own, key=lambda uid: own[uid])
            theirs = (live for live in kept if live.job.uid == most)
            oldest = min(theirs, key=lambda live: live.job.id)
            kept.remove(oldest)
            own[most] -= 1
            self.forget(oldest)

    def forget(self, live: Live) -> None:
        if self._live.pop(live.job.id, None) is not None:
            if live.streams is not None:
                live.streams.close()
            self._jobs.forget(live.job)
