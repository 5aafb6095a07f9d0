"""Machines start and stop: by their units, or as machinectl does where somebody started one by
hand."""

import asyncio
import contextlib
import signal
from typing import Any

from aios.bus import Bus
from aios.errors import Busy, MachineNotRunning, Unavailable
from aios.machined import MANAGER, NAME, Machined
from aios.machines.place import Place, startable
from aios.units import Units

POWER_OFF = signal.SIGRTMIN + 4
"""What tells a system's init to power off (systemd(1), SIGNALS)."""
STOP_SECONDS = 90.0
"""As systemd gives a unit."""
_UP = ("active", "activating", "reloading")


class Power:
    def __init__(self, bus: Bus, units: Units, machined: Machined) -> None:
        self._bus = bus
        self._units = units
        self._machined = machined
        self._removed = asyncio.Condition()

    async def subscribe(self) -> None:
        await self._bus.subscribe(NAME, MANAGER[2], "MachineRemoved", self._told)

    def _told(self, path: str, values: list[Any]) -> None:
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._removed:
            self._removed.notify_all()

    async def runs(self, name: str) -> bool:
        """However it was started, and also while it starts or stops."""
        if name in await self._machined.running():
            return True
        return await self._units.state(Place(name).unit) in (*_UP, "deactivating")

    async def require_still(self, name: str) -> None:
        """Raises Busy while it runs."""
        if await self.runs(name):
            raise Busy(
                f"{name} runs: what it holds would be of no single moment",
                hint=f"aios machine stop {name}",
            )

    async def start(self, name: str) -> None:
        """Returns when it has booted (NotifyReady=). Raises NoSuchMachine, Unavailable."""
        machine = startable(name)
        if name not in await self._machined.running():
            await self._units.start(machine.unit)

    async def stop(self, name: str, *, force: bool = False) -> None:
        """Returns when it is gone. Raises NoSuchMachine, MachineNotRunning, Unavailable."""
        if not await self.runs(name):
            startable(name)
            raise MachineNotRunning(f"{name} does not run")
        unit = Place(name).unit
        by_unit = await self._units.state(unit) in (*_UP, "deactivating")
        if force and by_unit:
            # systemd calls it an error (ENODEV) when its cgroup goes while it is killed. What lives
            # on all the same is stopped below.
            with contextlib.suppress(Unavailable):
                await self._units.kill(unit, signal.SIGKILL)
        elif force:
            await self._machined.terminate(name)
        if by_unit:
            await self._units.stop(unit)
            # A unit that was killed is failed: what is asked for is that it does not run.
            await self._units.reset_failed(unit)
        elif not force:
            await self._machined.signal(name, POWER_OFF)
        await self._gone(name)

    async def freeze(self, name: str) -> None:
        """All of it waits where it is. Raises Unavailable."""
        await self._units.freeze(await self._machined.unit(name))

    async def thaw(self, name: str) -> None:
        """No error where there is nothing to thaw."""
        if name in await self._machined.running():
            await self._units.thaw(await self._machined.unit(name))

    async def restart(self, name: str) -> None:
        startable(name)
        if await self.runs(name):
            await self.stop(name)
        await self.start(name)

    async def _gone(self, name: str) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS), self._removed:
                while name in await self._machined.running():
                    await self._removed.wait()
        except TimeoutError:
            raise Unavailable(
                f"{name} did not stop within {STOP_SECONDS:.0f} s",
                hint=f"aios machine stop --force {name}",
            ) from None
