"""Which machine sees what of the memory: what is wanted is kept here, root puts it into force
(aios-attach@), and a machine that runs gets it at its next start."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aios.attach import access
from aios.attach.access import Access
from aios.errors import AiosError, InvalidOption, NoSuchMachine, NotAuthorized
from aios.ids import HOST, is_machine
from aios.journal import log

Start = Callable[[str], Awaitable[None]]
"""Starts a unit and waits for its job; raises an AiosError when it fails."""
Images = Callable[[], Awaitable[list[str]]]
"""Names of the machines that are there, running or not."""


async def _no_images() -> list[str]:
    return []


async def _no_start(unit: str) -> None:
    raise InvalidOption(f"{unit}: no systemd here")


class Attachments:
    def __init__(
        self,
        start: Start = _no_start,
        images: Images = _no_images,
        *,
        wanted: Path = access.WANTED,
        found: Path = access.FOUND,
        machines: Path = access.MACHINES,
    ) -> None:
        self._start = start
        self._images = images
        self._wanted = wanted
        self._found = found
        self._machines = machines

    def check(self, machine: str) -> None:
        """Raises NotAuthorized where nobody there is to see the memory."""
        if access.wanted(machine, self._wanted) is Access.NONE:
            raise NotAuthorized(
                f"machine {machine} does not see the memory",
                hint=f"on the host: aios memory attach {machine}",
            )

    async def set(self, machine: str, wanted: Access) -> dict[str, Any]:
        if machine == HOST or not is_machine(machine) or machine not in await self._names():
            raise NoSuchMachine(f"no machine {machine!r}", hint="machinectl list-images")
        access.want(machine, wanted, self._wanted)
        await self._apply(machine)
        return self._state(machine)

    async def every(self) -> list[dict[str, Any]]:
        names = await self._names()
        for name in names:
            if access.leader(name, self._machines) != self._seen(name).leader:
                try:
                    await self._apply(name)
                except AiosError as error:
                    log.warning("a machine could not be looked at", machine=name, why=str(error))
        return [self._state(name) for name in names]

    async def _apply(self, machine: str) -> None:
        await self._start(f"aios-attach@{machine}.service")

    def _seen(self, machine: str) -> access.Found:
        return access.found(machine, self._found)

    async def _names(self) -> list[str]:
        names = set(await self._images())
        for directory in (self._wanted, self._machines):
            if directory.is_dir():
                names |= {path.name for path in await asyncio.to_thread(_files, directory)}
        return sorted(name for name in names if is_machine(name) and name != HOST)

    def _state(self, machine: str) -> dict[str, Any]:
        wanted = access.wanted(machine, self._wanted)
        seen = self._seen(machine)
        running = access.leader(machine, self._machines)
        state: dict[str, Any] = {
            "machine": machine, "wanted": str(wanted), "running": bool(running),
        }  # fmt: skip
        if seen.problem:
            state["problem"] = seen.problem
        if running and running == seen.leader:
            possible = "" if seen.problem else wanted.database
            state["in_force"] = _in_force(wanted, seen)
            state["restart_needed"] = seen.database != possible or not seen.sockets
        return state


def _in_force(wanted: Access, seen: access.Found) -> str:
    if seen.database:
        return seen.database
    if wanted is Access.NONE or not seen.sockets:
        return str(Access.NONE)
    return str(Access.SOCKET)


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.iterdir() if not path.name.startswith(".")]
