"""org.aios.Memory1: who may do what, and options checked. The work is memories', search's and
history's; asked.py, keeping.py, attaching.py and layers.py are other parts of it."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aios.errors import NotAuthorized
from aios.ids import new_id
from aios.interface import Call
from aios.memory import history, memories, preferences, score, search
from aios.memory.asked import Asked
from aios.memory.attaching import Attaching
from aios.memory.events import event_of
from aios.memory.keeping import Keeping
from aios.memory.layers import Layers
from aios.memory.memories import DEFAULT_LIMIT, MAX_LIMIT, Draft, Source, check_text
from aios.options import STRINGS, Options

Known = Mapping[str, type | tuple[str, str]]

_CHANGE: Known = {
    "ai_interpretation": str,
    "priority_score": float,
    "related_entities": STRINGS,
    "delegation": str,
}
_DRAFT: Known = {"source": str, **_CHANGE}
_PAGE: Known = {"limit": int, "offset": int, "delegation": str}
_MAX_INTEGER = 2**63 - 1


class Memory(Asked, Keeping, Attaching, Layers):
    async def Create(self, call: Call, content: str, options: dict[str, Any]) -> str:
        given = Options(options, _DRAFT)
        person = await self._person(call, given)
        draft = _draft(content, given)
        told = given.get_str("source") or ("chat" if "delegation" in given else "")
        check_text("source", told, limit=memories.MAX_ENTITY)
        source = Source(person.machine, person.user, person.uid, person.session, told)
        memory_id = new_id()
        return await self._database.write(
            lambda db: preferences.create(db, memory_id, draft, source)
        )

    async def Get(self, call: Call, id: str) -> dict[str, Any]:
        await self._person(call)
        found = await self._database.read(lambda db: score.fields(db, memories.get(db, id)))
        self._note_use(id)
        return found

    async def Search(self, call: Call, query: str, options: dict[str, Any]) -> list[dict[str, Any]]:
        given = Options(options, _PAGE)
        await self._person(call, given)
        limit, offset = _page(given)
        memory = self._config.memory
        weights = replace(search.WEIGHTS, priority=memory.priority, recency=memory.recency)
        await self._refresh()
        found = await self._database.read(
            lambda db: search.search(db, query, limit=limit, offset=offset, weights=weights)
        )
        return [memory.fields() for memory in found]

    async def List(self, call: Call, options: dict[str, Any]) -> list[dict[str, Any]]:
        given = Options(options, _PAGE)
        await self._person(call, given)
        limit, offset = _page(given)
        found = await self._database.read(
            lambda db: memories.recent(db, limit=limit, offset=offset)
        )
        return [memory.fields() for memory in found]

    async def Update(self, call: Call, id: str, content: str, options: dict[str, Any]) -> None:
        given = Options(options, _CHANGE)
        await self._person(call, given)
        draft = _draft(content, given)
        await self._database.write(lambda db: preferences.update(db, id, draft))

    async def Delete(self, call: Call, id: str) -> None:
        await self._person(call)
        await self._database.write(lambda db: memories.delete(db, id))

    async def Record(self, call: Call, event: dict[str, Any]) -> None:
        await self.RecordAll(call, [event])

    async def RecordAll(self, call: Call, events: list[dict[str, Any]]) -> None:
        if not call.caller.is_root:
            raise NotAuthorized("only exec tells what was done")
        told = [event_of(event) for event in events]

        def record(db: sqlite3.Connection) -> None:
            for one in told:
                history.record(db, one)

        await self._database.write(record)


def _draft(content: str, given: Options) -> Draft:
    return Draft.of(
        content,
        ai_interpretation=given.get_str("ai_interpretation")
        if "ai_interpretation" in given
        else None,
        priority_score=given.get_float("priority_score"),
        related_entities=given.get_strings("related_entities"),
    )


def _page(given: Options) -> tuple[int, int]:
    limit = given.get_int("limit", DEFAULT_LIMIT, low=1, high=MAX_LIMIT)
    return limit, given.get_int("offset", 0, high=_MAX_INTEGER - MAX_LIMIT)
