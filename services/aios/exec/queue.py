"""Who may run a command now: so many at once, and fairly where more want to.

A free slot goes to the uid that has the fewest, in turn among equals. The queue is bounded for all
together; when it is full, who waits least pushes out the latest of who waits most.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aios.errors import Busy

RUNNING = 64
WAITING = 256


class Slots:
    def __init__(self, *, running: int = RUNNING, waiting: int = WAITING) -> None:
        self._limit = running
        self._bound = waiting
        self._running: Counter[int] = Counter()
        self._queues: dict[int, deque[asyncio.Future[None]]] = {}
        """In the order in which their turns come; no queue is empty."""

    @property
    def running(self) -> int:
        return self._running.total()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def slot(self, uid: int) -> AsyncIterator[None]:
        """A slot, once there is one. Raises Busy instead when too many wait."""
        await self._take(uid)
        try:
            yield
        finally:
            self._give(uid)

    async def _take(self, uid: int) -> None:
        if self.running < self._limit and not self._queues:
            self._running[uid] += 1
            return
        if self.waiting >= self._bound:
            self._make_room(uid)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(uid, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give(uid)  # it came at the same moment
            else:
                self._forget(uid, turn)
            raise

    def _forget(self, uid: int, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(uid, deque())
        if turn in queue:
            queue.remove(turn)
        if not queue:
            self._queues.pop(uid, None)

    def _make_room(self, uid: int) -> None:
        most = max(self._queues, key=lambda each: len(self._queues[each]), default=uid)
        mine = len(self._queues.get(uid, ()))
        if len(self._queues.get(most, ())) <= mine + 1:
            raise self._busy()
        pushed_out = self._queues[most][-1]
        self._forget(most, pushed_out)
        if not pushed_out.done():
            pushed_out.set_exception(self._busy())

    def _busy(self) -> Busy:
        return Busy(
            f"{self._limit} commands run here and {self._bound} wait",
            hint="try again when some have ended: aios jobs",
        )

    def _give(self, uid: int) -> None:
        self._running[uid] -= 1
        if not self._running[uid]:
            del self._running[uid]
        self._next()

    def _next(self) -> None:
        while self._queues and self.running < self._limit:
            uid = min(self._queues, key=lambda each: self._running[each])
            queue = self._queues.pop(uid)
            turn = queue.popleft()
            if queue:
                self._queues[uid] = queue  # its next turn comes after the others'
            if not turn.done():
                self._running[uid] += 1
                turn.set_result(None)
