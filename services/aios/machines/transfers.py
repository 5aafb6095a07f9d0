"""Archives on their way in and out, through a pipe whose other end the caller has.

A transfer lives as long as its caller's connection, and what comes in is a machine only when the
caller says that it was all: the pipe of one who was killed ends as that of one who is done.
"""

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from aios.caller import Caller
from aios.errors import NotFound
from aios.ids import new_id
from aios.machines import archive, identity, lock, place
from aios.machines.archive import Compression
from aios.machines.base import Tell
from aios.machines.belongings import Belongings, put_settings
from aios.machines.making import Making, Wanted, free
from aios.machines.names import Names
from aios.machines.place import Place
from aios.machines.power import Power
from aios.machines.tree import Hold, Trees


async def _nobody(what: str) -> None:
    pass


@dataclass(eq=False)
class Transfer:
    """whole: the caller has said so. tell: to whoever waits for its end."""

    what: str
    name: str
    uid: int
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    tell: Tell = _nobody
    work: "asyncio.Task[None] | None" = None


class Transfers:
    def __init__(
        self,
        trees: Trees,
        belongings: Belongings,
        making: Making,
        power: Power,
        names: Names,
        hold: Hold,
    ) -> None:
        self._trees = trees
        self._belongings = belongings
        self._making = making
        self._power = power
        self._names = names
        self._hold = hold
        self._running: dict[str, Transfer] = {}
        self._watching: set[asyncio.Task[None]] = set()

    async def receive(
        self,
        caller: Caller,
        name: str,
        wanted: Wanted,
        compression: Compression,
        gone: asyncio.Event,
    ) -> tuple[str, int]:
        """The transfer's id, and where the archive goes in."""
        new = free(name)
        compression.option()
        source, target = os.pipe2(os.O_CLOEXEC)
        transfer = Transfer("imported", name, caller.uid)
        work = self._receive(transfer, new, wanted, compression, source)
        return self._begin(transfer, work, gone), target

    async def _receive(
        self,
        transfer: Transfer,
        new: Place,
        wanted: Wanted,
        compression: Compression,
        source: int,
    ) -> None:
        try:
            with self._names.taken(new.name):
                text, _ = await self._making.settings(wanted)
                async with (
                    self._belongings.noted(new),
                    self._trees.made(new.tree, lambda what: transfer.tell(what)) as made,
                ):
                    await archive.extract(source, made, compression)
                    await transfer.whole.wait()
                    if wanted.fresh or identity.is_taken(made):
                        identity.forget(made)
                    put_settings(new, text)
        finally:
            os.close(source)

    async def send(
        self, caller: Caller, name: str, compression: Compression, gone: asyncio.Event
    ) -> tuple[str, int]:
        """The transfer's id, and where the archive comes out. Raises Busy while it runs."""
        old = place.existing(name)
        await self._power.require_still(name)
        compression.option()
        source, target = os.pipe2(os.O_CLOEXEC)
        transfer = Transfer("exported", name, caller.uid)
        return self._begin(transfer, self._send(old, compression, target), gone), source

    async def _send(self, old: Place, compression: Compression, target: int) -> None:
        try:
            with self._names.taken(old.name), lock.exclusive(old.tree):
                await archive.write(old.tree, target, compression)
        finally:
            os.close(target)

    async def finish(self, caller: Caller, transfer_id: str, tell: Tell) -> Transfer:
        """Returns when all of it has been done."""
        transfer = self._running.get(transfer_id)
        if transfer is None or transfer.uid != caller.uid or transfer.work is None:
            raise NotFound(f"no transfer {transfer_id!r}")
        transfer.tell = tell
        transfer.whole.set()
        # Who goes away cancels it as well: _watch.
        await asyncio.shield(transfer.work)
        return transfer

    def _begin(
        self, transfer: Transfer, work: Coroutine[Any, Any, None], gone: asyncio.Event
    ) -> str:
        transfer_id = new_id()
        loop = asyncio.get_running_loop()
        self._running[transfer_id] = transfer
        transfer.work = loop.create_task(work)
        watching = loop.create_task(self._watch(transfer_id, transfer.work, gone))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        return transfer_id

    async def _watch(
        self, transfer_id: str, work: "asyncio.Task[None]", gone: asyncio.Event
    ) -> None:
        with self._hold():
            await gone.wait()
            work.cancel()
            # Its fault was for the one who has gone.
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()
            del self._running[transfer_id]
