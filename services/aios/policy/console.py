"""Pending requests on the host's consoles: a root oneshot writes them there, since policy may not
open anybody's terminal."""

import asyncio
from collections.abc import Callable

from aios.bus import Bus
from aios.errors import AiosError
from aios.journal import log
from aios.policy.requests import Request, State

MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1",
           "org.freedesktop.systemd1.Manager")  # fmt: skip



class Console:
    """Hears of requests; while `wanted`, has each new one shown. The request never waits for it,
    nor fails with it."""

    def __init__(self, bus: Bus, wanted: Callable[[], bool]) -> None:
        self._bus = bus
        self._wanted = wanted
        self._starting: set[asyncio.Task[None]] = set()

    def __call__(self, request: Request) -> None:
        if request.state is State.PENDING and self._wanted():
            task = asyncio.get_running_loop().create_task(self._show(request.id))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _show(self, request_id: str) -> None:
        unit = f"aios-console-notify@{request_id}.service"
        try:
            await self._bus.call(*MANAGER, "StartUnit", "ss", unit, "replace")
        except AiosError as error:
            log.warning("a request is not shown on consoles", id=request_id, reason=str(error))
