"""Which distribution a machine is, as machined reads its os-release."""

import platform
from dataclasses import dataclass

from aios.chat.person import BusCall
from aios.errors import Unavailable
from aios.ids import HOST

MACHINED = ("org.freedesktop.machine1", "/org/freedesktop/machine1",
            "org.freedesktop.machine1.Manager")  # fmt: skip


@dataclass(frozen=True)
class Distribution:
    name: str
    """For people: "Debian GNU/Linux 12 (bookworm)"."""
    ids: tuple[str, ...]
    """ID, then what it is like."""


async def distribution(call: BusCall, machine: str) -> Distribution:
    if machine == HOST:
        try:
            known = platform.freedesktop_os_release()
        except OSError:
            known = {}
    else:
        try:
            (known,) = await call(*MACHINED, "GetMachineOSRelease", "s", machine)
        except Unavailable:
            # An image without the file, or a machine that is just going: not known.
            known = {}
    return Distribution(
        known.get("PRETTY_NAME") or known.get("NAME") or "an unknown distribution",
        tuple(f"{known.get('ID', '')} {known.get('ID_LIKE', '')}".split()),
    )
