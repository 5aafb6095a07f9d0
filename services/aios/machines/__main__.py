"""aios-machine.service."""

import sys

from aios.exec.history import MEMORY, SOCKET
from aios.interface import Interface
from aios.machined import Machined
from aios.machines.about import About
from aios.machines.base import Bases
from aios.machines.belongings import Belongings
from aios.machines.interface import Machine1
from aios.machines.lock import exclusive
from aios.machines.making import Making
from aios.machines.moving import Moving
from aios.machines.names import Names
from aios.machines.power import Power
from aios.machines.rights import Rights
from aios.machines.transfers import Transfers
from aios.machines.tree import Trees
from aios.peer import Peer
from aios.service import Service
from aios.snapshots.ending import Ending
from aios.snapshots.restores import Restores
from aios.snapshots.snapshots import Snapshots
from aios.snapshots.store import Store
from aios.units import Units


def main() -> int:
    service = Service("org.aios.Machine1")

    async def setup() -> list[Interface]:
        bus = service.bus
        units, machined, names = Units(bus), Machined(bus), Names()
        await units.subscribe()
        power = Power(bus, units, machined)
        await power.subscribe()
        trees = Trees(service.hold)
        trees.clean()
        belongings = Belongings(bus, units)
        await belongings.settle()
        making = Making(trees, belongings, Bases(units), units, power, names)
        moving = Moving(trees, belongings, power, names)
        transfers = Transfers(trees, belongings, making, power, names, service.hold)
        about = About(machined, units)
        ask = Peer(SOCKET, MEMORY).call
        store = Store()
        ending = Ending(store, power, ask, service.hold)
        await ending.recover()
        keeping = (store, power, ask, ending, exclusive)
        snapshots, restores = Snapshots(*keeping), Restores(*keeping)
        return [
            Machine1(
                Rights(bus), about, power, making, moving, transfers, names, snapshots, restores
            )
        ]

    return service.run(setup)


if __name__ == "__main__":
    sys.exit(main())
