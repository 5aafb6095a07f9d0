"""Machines get another name, or go."""

import asyncio

from aios import durable
from aios.machines import belongings, lock, place
from aios.machines.base import Tell
from aios.machines.belongings import Belongings
from aios.machines.making import free
from aios.machines.names import Names
from aios.machines.power import Power
from aios.machines.tree import Trees


class Moving:
    def __init__(
        self, trees: Trees, belongings: Belongings, power: Power, names: Names
    ) -> None:
        self._trees = trees
        self._belongings = belongings
        self._power = power
        self._names = names

    async def rename(self, name: str, new_name: str) -> None:
        """Raises Busy while it runs."""
        old, new = place.existing(name), free(new_name)
        with self._names.taken(name, new_name):
            await self._power.require_still(name)
            with lock.exclusive(old.tree):
                async with self._belongings.noted(old, to=new), self._belongings.noted(new):
                    belongings.copy(old, new)
                    old.tree.rename(new.tree)
                    durable.sync(old.tree.parent)

    async def remove(self, name: str, tell: Tell, *, force: bool) -> None:
        """With all that belongs to it. Raises Busy while it runs, unless `force`."""
        old = place.existing(name)
        with self._names.taken(name):
            if force and await self._power.runs(name):
                await self._power.stop(name, force=True)
            await self._power.require_still(name)
            with lock.exclusive(old.tree):
                async with self._belongings.noted(old):
                    removing = self._trees.discard(old.tree)
        await tell("removing its files")
        await asyncio.shield(removing)
