"""What all parts of org.aios.Memory1 share: who calls, and whether the memory is for them."""

import sqlite3
from contextlib import suppress

from aios.config import Config
from aios.errors import NotAuthorized, Unavailable
from aios.interface import Call, Interface
from aios.memory import search
from aios.memory.attachments import Attachments
from aios.memory.database import Database
from aios.memory.person import Describe, Person, person_of
from aios.options import Options


class Door(Interface):
    NAME = "org.aios.Memory1"
    PATH = "/org/aios/Memory1"

    def __init__(
        self,
        database: Database,
        config: Config,
        describe: Describe,
        attachments: Attachments | None = None,
    ) -> None:
        super().__init__()
        self._database = database
        self._config = config
        self._describe = describe
        self._attachments = attachments or Attachments()

    async def _person(self, call: Call, options: Options | None = None) -> Person:
        delegation = options.get_str("delegation") if options else ""
        person = await person_of(call.caller, delegation, self._config, self._describe)
        if person.in_machine:
            self._attachments.check(person.machine)
        return person

    async def _administrator(self, call: Call, what: str) -> Person:
        person = await self._person(call)
        if not person.sees_all:
            raise NotAuthorized(
                f"{what} is for root and aios-admin on the host",
                hint="aios memory export and forget are for what is yours",
            )
        return person

    async def _refresh(self) -> None:
        """Before a search: what another program has written comes into the word index, which
        readers cannot change. Where nothing can be written they look without it."""
        if await self._database.read(_is_behind):
            with suppress(Unavailable):
                await self._database.write(search.is_indexed)


def _is_behind(connection: sqlite3.Connection) -> bool:
    (pending,) = connection.execute("SELECT EXISTS (SELECT 1 FROM memory_changes)").fetchone()
    return bool(pending)
