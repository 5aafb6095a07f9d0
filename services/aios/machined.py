"""The host's systemd-machined: which images there are, which machines run."""

from dataclasses import dataclass

from aios.bus import Bus
from aios.bus_objects import PROPERTIES
from aios.errors import Unavailable
from aios.ids import is_machine

NAME = "org.freedesktop.machine1"
MANAGER = (NAME, "/org/freedesktop/machine1", f"{NAME}.Manager")
_UNKNOWN = 2**64 - 1
_V4, _V6 = 2, 10


@dataclass(frozen=True)
class Image:
    name: str
    kind: str
    """directory, subvolume, raw, …"""
    read_only: bool
    created_usec: int | None
    size: int | None
    """Bytes, where the file system counts them."""


class Machined:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def images(self) -> dict[str, Image]:
        (listed,) = await self._bus.call(*MANAGER, "ListImages")
        found = (
            Image(name, kind, read_only, _known(created), _known(size))
            for name, kind, read_only, created, _changed, size, _path in listed
        )
        # Others are no machine's name: hidden, or lost+found where the file system is its own.
        return {
            image.name: image
            for image in found
            if is_machine(image.name) and not image.name.startswith(".")
        }

    async def names(self) -> list[str]:
        return list(await self.images())

    async def running(self) -> dict[str, str]:
        """Service that registered it, by the machine's name; without the host itself."""
        (listed,) = await self._bus.call(*MANAGER, "ListMachines")
        return {name: service for name, _kind, service, _path in listed if name[0] != "."}

    async def unit(self, name: str) -> str:
        """The unit that a running machine is."""
        (path,) = await self._bus.call(*MANAGER, "GetMachine", "s", name)
        (unit,) = await self._bus.call(
            NAME, path, PROPERTIES, "Get", "ss", f"{NAME}.Machine", "Unit"
        )
        return str(unit)

    async def addresses(self, name: str) -> list[str]:
        """None of its own where it shares the host's network."""
        from ipaddress import ip_address

        try:
            (listed,) = await self._bus.call(*MANAGER, "GetMachineAddresses", "s", name)
        except Unavailable:
            return []
        found = [ip_address(bytes(raw)) for family, raw in listed if family in (_V4, _V6)]
        return [str(one) for one in found if not one.is_link_local]

    async def os_release(self, name: str, *, running: bool) -> dict[str, str]:
        """Empty where it says nothing that can be read."""
        method = "GetMachineOSRelease" if running else "GetImageOSRelease"
        try:
            (fields,) = await self._bus.call(*MANAGER, method, "s", name)
        except Unavailable:
            return {}
        return dict(fields)

    async def signal(self, name: str, number: int) -> None:
        """To its first process."""
        await self._bus.call(*MANAGER, "KillMachine", "ssi", name, "leader", number)

    async def terminate(self, name: str) -> None:
        await self._bus.call(*MANAGER, "TerminateMachine", "s", name)


def _known(number: int) -> int | None:
    """machined says 0 or all ones for what it does not know."""
    return None if number in (0, _UNKNOWN) else number
