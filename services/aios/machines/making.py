"""New machines: from a base tree, from another machine."""

from dataclasses import dataclass
from pathlib import Path

from aios.errors import Busy
from aios.machines import base, belongings, identity, inside, lock, place, tree
from aios.machines.base import Bases, Tell
from aios.machines.belongings import Belongings, put_settings
from aios.machines.names import Names
from aios.machines.place import Place
from aios.machines.power import Power
from aios.machines.settings import Network, settings
from aios.machines.tree import Trees
from aios.units import Units

NETWORKD = "systemd-networkd.service"
RESOLVED = "systemd-resolved.service"


@dataclass(frozen=True)
class Wanted:
    """What is asked for of a new machine."""

    source: str = ""
    """Another machine; empty: a base tree."""
    distribution: str = ""
    release: str = ""
    refresh: bool = False
    """The base tree is built anew, however old it is."""
    network: str = ""
    private_users: bool = True
    fresh: bool = True
    """With an identity of its own, whoever's the tree has."""


class Making:
    def __init__(
        self,
        trees: Trees,
        belongings: Belongings,
        bases: Bases,
        units: Units,
        power: Power,
        names: Names,
    ) -> None:
        self._trees = trees
        self._belongings = belongings
        self._bases = bases
        self._units = units
        self._power = power
        self._names = names

    async def create(self, name: str, wanted: Wanted, tell: Tell) -> str:
        """What there is to say of the tree that it is made of. Raises Busy where there is one
        already."""
        if wanted.source:
            await self.clone(wanted.source, name, tell)
            return ""
        new = free(name)
        distribution, release = base.chosen(wanted.distribution, wanted.release)
        with self._names.taken(name):
            text, network = await self.settings(wanted)
            found = await self._bases.get(distribution, release, tell, refresh=wanted.refresh)
            async with self._belongings.noted(new), self._trees.made(new.tree, tell) as made:
                await tell("copying the tree")
                await tree.copy(found.tree, made)
                found.require_same()
                identity.forget(made)
                if network is Network.VETH:
                    serve_network(made)
                put_settings(new, text)
        return found.stale

    async def clone(self, source: str, name: str, tell: Tell) -> None:
        old, new = place.existing(source), free(name)
        with self._names.taken(source, name):
            await self._power.require_still(source)
            with lock.exclusive(old.tree):
                async with self._belongings.noted(new), self._trees.made(new.tree, tell) as made:
                    await tell("copying the tree")
                    await tree.copy(old.tree, made)
                    identity.forget(made)
                    belongings.copy(old, new)

    async def settings(self, wanted: Wanted) -> tuple[str, Network]:
        network = Network(wanted.network) if wanted.network else await self._network()
        resolved = await self._units.state(RESOLVED) == "active"
        text = settings(network=network, private_users=wanted.private_users, resolved=resolved)
        return text, network

    async def _network(self) -> Network:
        """A veth pair leads nowhere unless the host's networkd serves it."""
        served = await self._units.state(NETWORKD) == "active"
        return Network.VETH if served else Network.HOST


def free(name: str) -> Place:
    """Raises Busy where there is one already."""
    new = place.named(name)
    if new.tree.exists() or new.image.exists():
        raise Busy(f"there is a machine {name} already", hint="aios machine list")
    return new


def serve_network(made: Path) -> None:
    """networkd and resolved in the machine configure its side of the pair."""
    for unit in (NETWORKD, RESOLVED):
        if inside.exists(made, f"usr/lib/systemd/system/{unit}"):
            inside.link(
                made, f"etc/systemd/system/multi-user.target.wants/{unit}",
                f"/usr/lib/systemd/system/{unit}",
            )  # fmt: skip
