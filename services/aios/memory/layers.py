"""org.aios.Memory1: what is told of the person and of those around them. The work is analyses',
profile's and relationships'."""

import asyncio
import contextlib
import functools
from collections.abc import Mapping
from typing import Any

from aios.errors import AiosError, InvalidOption
from aios.ids import new_id
from aios.interface import Call
from aios.memory import analyses, profile, relationships, score
from aios.memory.analyses import TRAITS
from aios.memory.door import Door
from aios.memory.memories import MAX_ENTITY, MAX_LIMIT, check_text
from aios.memory.person import Person
from aios.memory.relationships import Whose
from aios.options import Options

_TRAITS: Mapping[str, type] = dict.fromkeys(TRAITS, float)
_DECAY: Mapping[str, type] = {"half_life_days": float}
_LIST: Mapping[str, type] = {"limit": int, "offset": int, **_DECAY}
_MAX_OFFSET = 2**31


class Layers(Door):
    def _note_use(self, memory_id: str) -> None:
        """Not waited for: whoever reads must not wait for a disk, and a use that is lost with the
        service, or cannot be written, is a small loss."""

        async def note() -> None:
            with contextlib.suppress(AiosError):
                await self._database.write(lambda db: score.used(db, memory_id))

        task = asyncio.create_task(note())
        self._uses.add(task)
        task.add_done_callback(self._uses.discard)

    @functools.cached_property
    def _uses(self) -> set[asyncio.Task[None]]:
        """Kept until they are done: a loop only knows its tasks weakly."""
        return set()

    async def SaveAnalysis(
        self, call: Call, traits: dict[str, Any], summary: str
    ) -> dict[str, Any]:
        given = Options(traits, _TRAITS)
        await self._person(call)
        told = {name: value for name in TRAITS if (value := given.get_float(name)) is not None}
        analysis_id = new_id()
        saved = await self._database.write(lambda db: analyses.save(db, analysis_id, told, summary))
        return saved.fields()

    async def GetAnalysis(self, call: Call) -> dict[str, Any]:
        await self._person(call)
        found = await self._database.read(analyses.latest)
        return found.fields() if found else {}

    async def GetProfile(self, call: Call) -> dict[str, Any]:
        await self._person(call)
        kept = await self._database.read(profile.kept)
        if kept is not None:
            return kept
        # Reading takes long, and is not the writer's work.
        changes, made = await self._database.read(
            lambda db: (profile.changed(db), profile.make(db))
        )
        await self._database.write(lambda db: profile.keep(db, made, changes))
        return made.fields()

    async def GetRelationship(
        self, call: Call, entity: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        given = Options(options, _DECAY)
        whose = _whose(await self._person(call))
        check_text("entity", entity, limit=MAX_ENTITY)
        days = _half_life(given)
        found = await self._database.read(
            lambda db: relationships.get(db, entity, half_life_days=days, whose=whose)
        )
        return found.fields()

    async def ListRelationships(self, call: Call, options: dict[str, Any]) -> list[dict[str, Any]]:
        given = Options(options, _LIST)
        whose = _whose(await self._person(call))
        days = _half_life(given)
        limit = given.get_int("limit", relationships.DEFAULT_LIMIT, low=1, high=MAX_LIMIT)
        offset = given.get_int("offset", 0, high=_MAX_OFFSET)
        found = await self._database.read(
            lambda db: relationships.strongest(
                db, limit=limit, offset=offset, half_life_days=days, whose=whose
            )
        )
        return [one.fields() for one in found]


def _half_life(given: Options) -> float | None:
    days = given.get_float("half_life_days")
    if days is not None and not days > 0:
        raise InvalidOption("half_life_days must be more than 0")
    return days


def _whose(person: Person) -> Whose:
    """What was done is told to who did it. A machine's uids move when it is made anew."""
    return Whose(person.user, None if person.in_machine else person.uid)
