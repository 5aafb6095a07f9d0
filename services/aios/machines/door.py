"""What all parts of org.aios.Machine1 share: who calls, what is said while it takes long."""

from typing import Any

from aios.interface import Call, Interface
from aios.machines.about import About
from aios.machines.base import Tell
from aios.machines.making import Making
from aios.machines.moving import Moving
from aios.machines.names import Names
from aios.machines.power import Power
from aios.machines.rights import Rights
from aios.machines.transfers import Transfers
from aios.snapshots.restores import Restores
from aios.snapshots.snapshots import Snapshots


class Door(Interface):
    NAME = "org.aios.Machine1"
    PATH = "/org/aios/Machine1"

    def __init__(
        self,
        rights: Rights,
        about: About,
        power: Power,
        making: Making,
        moving: Moving,
        transfers: Transfers,
        names: Names,
        snapshots: Snapshots,
        restores: Restores,
    ) -> None:
        super().__init__()
        self._rights = rights
        self._about = about
        self._power = power
        self._making = making
        self._moving = moving
        self._transfers = transfers
        self._names = names
        self._snapshots = snapshots
        self._restores = restores


def tell(call: Call) -> Tell:
    """On the socket, with `more`, each step of what takes long is an event."""

    async def step(what: str, **more: Any) -> None:
        if call.event is not None:
            await call.event({"step": what, **more})

    return step
