"""org.aios.Memory1: forgetting, moving, backing up."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aios.errors import AiosError, InvalidOption, NotAuthorized
from aios.ids import is_id
from aios.interface import Call
from aios.memory import forget, stats, transfer
from aios.memory.door import Door
from aios.memory.events import event_of
from aios.memory.forget import KINDS, Filter
from aios.memory.history import insert, moment
from aios.memory.memories import MAX_LIMIT, Source, check_text, index
from aios.memory.person import Person
from aios.options import STRINGS, Options

Known = Mapping[str, type | tuple[str, str]]

_FORGET: Known = {
    "ids": STRINGS, "query": str, "since": str, "until": str, "machine": str, "session": str,
    "user": str, "kinds": STRINGS, "everyone": bool, "everything": bool, "dry_run": bool,
}  # fmt: skip
_SAYS = ("ids", "query", "since", "until", "machine", "session", "user", "everything")
_EXPORT: Known = {"kind": str, "after": str, "limit": int, "everyone": bool}
_EXPORT_KINDS = (transfer.MEMORY, transfer.COMMAND)


class Keeping(Door):
    async def Forget(self, call: Call, filter: dict[str, Any]) -> dict[str, Any]:
        given = Options(filter, _FORGET)
        person = await self._person(call)
        wanted = _wanted(given, person)
        if given.get_bool("dry_run"):
            found = await self._database.read(lambda db: forget.find(db, wanted))
            rewritten, left = 0, list[str]()
        else:
            found, rewritten, left = await self._database.forget(wanted)
        return {
            "memories": len(found.memories), "commands": len(found.commands),
            "backups": rewritten, "left": left,
        }  # fmt: skip

    async def Stats(self, call: Call) -> dict[str, Any]:
        await self._person(call)
        told = await self._database.read(stats.stats)
        return {**told, **stats.files(self._database.path, self._database.backups)}

    async def Verify(self, call: Call) -> list[str]:
        await self._administrator(call, "reading the whole database")
        return await self._database.verify()

    async def Backup(self, call: Call) -> str:
        await self._administrator(call, "a backup")
        return str(await self._database.backup())

    async def BackupFor(self, call: Call, snapshot: str) -> str:
        await self._administrator(call, "a backup")
        return str(await self._database.backup(_snapshot(snapshot)))

    async def RemoveBackup(self, call: Call, snapshot: str) -> None:
        await self._administrator(call, "removing a backup")
        await self._database.remove_backup(_snapshot(snapshot))

    async def ListBackups(self, call: Call) -> list[dict[str, Any]]:
        await self._administrator(call, "the list of backups")
        return await asyncio.to_thread(stats.backups, self._database.backups)

    async def Restore(self, call: Call, backup: str) -> str:
        await self._administrator(call, "restoring")
        return str(await self._database.restore(backup))

    async def Export(self, call: Call, options: dict[str, Any]) -> list[dict[str, Any]]:
        given = Options(options, _EXPORT)
        person = await self._person(call)
        kind = given.get_str("kind", transfer.MEMORY)
        if kind not in _EXPORT_KINDS:
            raise InvalidOption(f"kind is one of {', '.join(_EXPORT_KINDS)}, not {kind!r}")
        user, uid = _whose(given, person)
        after, limit = given.get_str("after"), given.get_int("limit", 500, low=1, high=MAX_LIMIT)
        return await self._database.read(
            lambda db: transfer.export(db, kind=kind, user=user, uid=uid, after=after, limit=limit)
        )

    async def Import(self, call: Call, records: list[dict[str, Any]]) -> dict[str, Any]:
        person = await self._person(call)
        if len(records) > MAX_LIMIT:
            raise InvalidOption(f"at most {MAX_LIMIT} records at once")
        owner = None
        if not person.sees_all:
            owner = Source(person.machine, person.user, person.uid, source="import")
        works = [_taken(place, record, owner) for place, record in enumerate(records)]

        def take(db: Any) -> dict[str, int]:
            counted = {"memories": 0, "commands": 0, "known": 0}
            for kind, work in works:
                counted[kind if work(db) else "known"] += 1
            index(db)
            return counted

        return await self._database.write(take)


def _snapshot(snapshot: str) -> str:
    if not is_id(snapshot):
        raise InvalidOption(f"{snapshot!r} is no snapshot's id")
    return snapshot


def _whose(given: Options, person: Person) -> tuple[str | None, int | None]:
    if given.get_bool("everyone"):
        if not person.sees_all:
            raise NotAuthorized("other people's memories are for root and aios-admin on the host")
        return None, None
    # A machine's uids move when it is made anew; its people are known by name.
    return person.user, None if person.in_machine else person.uid


def _wanted(given: Options, person: Person) -> Filter:
    if not any(key in given for key in _SAYS):
        raise InvalidOption(
            "forget what?", hint=f"one of {', '.join(_SAYS)}; everything: all that is yours"
        )
    for key in ("query", "machine", "session", "user"):
        check_text(key, given.get_str(key))
        if key in given and not given.get_str(key).strip():
            raise InvalidOption(f"{key} says nothing")
    kinds = tuple(given.get_strings("kinds") or KINDS)
    if unknown := set(kinds) - set(KINDS):
        raise InvalidOption(f"kinds are {', '.join(KINDS)}, not {', '.join(sorted(unknown))}")
    ids = given.get_strings("ids")
    if ids == []:
        raise InvalidOption("ids is empty")
    user, uid = _whose(given, person)
    if "user" in given and given.get_str("user") != person.user:
        if not person.sees_all:
            raise NotAuthorized("other people's memories are for root and aios-admin on the host")
        user, uid = given.get_str("user"), None
    return Filter(
        user=user,
        uid=uid,
        ids=tuple(ids or ()),
        query=given.get_str("query"),
        since=moment(given.get_str("since")) if "since" in given else None,
        until=moment(given.get_str("until")) if "until" in given else None,
        machine=given.get_str("machine") or None,
        session=given.get_str("session") or None,
        kinds=kinds,
    )


def _taken(place: int, record: Mapping[str, Any], owner: Source | None) -> tuple[str, Any]:
    """What to count it as, and the work."""
    told = {key: value for key, value in record.items() if key != "kind"}
    kind = record.get("kind", transfer.MEMORY)
    try:
        if kind == transfer.MEMORY:
            return "memories", transfer.memory(told, owner)
        if kind != transfer.COMMAND:
            raise InvalidOption(f"kind is one of {', '.join(_EXPORT_KINDS)}, not {kind!r}")
        if owner is not None:
            raise NotAuthorized("what was done is told by exec; imported by root and aios-admin")
        event = event_of(told)
        return "commands", lambda db: insert(db, event)
    except AiosError as error:
        raise type(error)(f"record {place}: {error.message}", hint=error.hint) from error
