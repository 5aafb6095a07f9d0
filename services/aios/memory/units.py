"""The host's systemd and machined, as far as aios-memory has to do with them."""

import asyncio
from typing import Any

from aios.bus import Bus
from aios.errors import Unavailable

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = (SYSTEMD, "/org/freedesktop/systemd1", f"{SYSTEMD}.Manager")
MACHINED = ("org.freedesktop.machine1", "/org/freedesktop/machine1",
            "org.freedesktop.machine1.Manager")  # fmt: skip
_OWN = ".host"


class Units:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._ended: dict[str, str] = {}
        self._news = asyncio.Condition()

    async def subscribe(self) -> None:
        await self._bus.subscribe(SYSTEMD, MANAGER[2], "JobRemoved", self._job_removed)
        # systemd tells nobody of jobs who has not asked.
        await self._bus.call(*MANAGER, "Subscribe")

    def _job_removed(self, path: str, values: list[Any]) -> None:
        _number, job, _unit, result = values
        # Also of jobs that are not ours; those are few while this service lives.
        self._ended[job] = result
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def start(self, unit: str) -> None:
        """Returns when its job is done. Raises Unavailable."""
        (job,) = await self._bus.call(*MANAGER, "StartUnit", "ss", unit, "replace")
        async with self._news:
            await self._news.wait_for(lambda: job in self._ended)
        if (result := self._ended[job]) != "done":
            raise Unavailable(f"{unit}: {result}", hint=f"journalctl -u {unit}")

    async def images(self) -> list[str]:
        (images,) = await self._bus.call(*MACHINED, "ListImages")
        return [image[0] for image in images if not image[0].startswith(_OWN)]
