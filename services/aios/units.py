"""The host's systemd, as far as aios's services ask it to start and stop units."""

import asyncio
import contextlib
from typing import Any

from aios.bus import Bus
from aios.bus_objects import PROPERTIES
from aios.errors import Unavailable

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = (SYSTEMD, "/org/freedesktop/systemd1", f"{SYSTEMD}.Manager")


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
        await self._job("StartUnit", unit)

    async def stop(self, unit: str) -> None:
        await self._job("StopUnit", unit)

    async def _job(self, method: str, unit: str) -> None:
        (job,) = await self._bus.call(*MANAGER, method, "ss", unit, "replace")
        async with self._news:
            await self._news.wait_for(lambda: job in self._ended)
        if (result := self._ended[job]) != "done":
            raise Unavailable(f"{unit}: {result}", hint=f"journalctl -u {unit}")

    async def kill(self, unit: str, signal: int) -> None:
        """All processes of it."""
        await self._bus.call(*MANAGER, "KillUnit", "ssi", unit, "all", signal)

    async def reset_failed(self, unit: str) -> None:
        """No error where it has not failed."""
        with contextlib.suppress(Unavailable):
            await self._bus.call(*MANAGER, "ResetFailedUnit", "s", unit)

    async def freeze(self, unit: str) -> None:
        """None of its processes goes on when this returns."""
        await self._bus.call(*MANAGER, "FreezeUnit", "s", unit)

    async def thaw(self, unit: str) -> None:
        await self._bus.call(*MANAGER, "ThawUnit", "s", unit)

    async def state(self, unit: str) -> str:
        """Its ActiveState."""
        (path,) = await self._bus.call(*MANAGER, "LoadUnit", "s", unit)
        (state,) = await self._bus.call(
            SYSTEMD, path, PROPERTIES, "Get", "ss", f"{SYSTEMD}.Unit", "ActiveState"
        )
        return str(state)

    async def status(self, unit: str) -> str:
        """What it says itself, last."""
        (path,) = await self._bus.call(*MANAGER, "LoadUnit", "s", unit)
        (text,) = await self._bus.call(
            SYSTEMD, path, PROPERTIES, "Get", "ss", f"{SYSTEMD}.Service", "StatusText"
        )
        return str(text)

    async def states(self, *patterns: str) -> dict[str, str]:
        """ActiveState of each unit that systemd has in mind, by its name."""
        (units,) = await self._bus.call(
            *MANAGER, "ListUnitsByPatterns", "asas", [], list(patterns)
        )
        return {unit[0]: unit[3] for unit in units}

    async def enabled(self, unit: str) -> bool:
        (state,) = await self._bus.call(*MANAGER, "GetUnitFileState", "s", unit)
        return str(state) == "enabled"

    async def enable(self, *units: str) -> None:
        await self._bus.call(*MANAGER, "EnableUnitFiles", "asbb", list(units), False, False)
        await self._bus.call(*MANAGER, "Reload")

    async def disable(self, *units: str) -> None:
        await self._bus.call(*MANAGER, "DisableUnitFiles", "asb", list(units), False)
        await self._bus.call(*MANAGER, "Reload")
