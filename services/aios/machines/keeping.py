"""org.aios.Machine1: snapshots."""

from typing import Any

from aios.errors import InvalidOption
from aios.interface import Call
from aios.journal import log
from aios.machines.door import Door, tell
from aios.options import STRINGS, Options
from aios.snapshots.restores import Again
from aios.snapshots.snapshots import Wanted


class Keeping(Door):
    async def Snapshot(self, call: Call, name: str, options: dict[str, Any]) -> dict[str, Any]:
        given = Options(
            options,
            {"name": str, "note": str, "keep": int, "stop": bool, "freeze": bool, "memory": bool,
             "dry_run": bool},
        )  # fmt: skip
        wanted = Wanted(
            name=given.get_str("name"),
            note=given.get_str("note"),
            keep=given.get_int("keep", 1, low=1) if "keep" in given else 0,
            stop=given.get_bool("stop"),
            freeze=given.get_bool("freeze"),
            memory=given.get_bool("memory", default=True),
        )
        if wanted.stop and wanted.freeze:
            raise InvalidOption("stop and freeze at once")
        await self._rights.manage(call.caller, "take a snapshot of", name)
        with self._names.taken(name):
            if given.get_bool("dry_run"):
                return await self._snapshots.plan(name, wanted)
            taken = await self._snapshots.take(name, wanted, tell(call))
        log.info("snapshot taken", machine=name, snapshot=taken["id"], by=call.caller.user)
        return taken

    async def ListSnapshots(self, call: Call, name: str) -> list[dict[str, Any]]:
        self._rights.look(call.caller)
        return await self._snapshots.listed(name)

    async def VerifySnapshot(self, call: Call, name: str, snapshot: str) -> list[str]:
        await self._rights.manage(call.caller, "read the snapshots of", name)
        return await self._snapshots.verify(name, snapshot, tell(call))

    async def Restore(
        self, call: Call, name: str, snapshot: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        given = Options(
            options,
            {"discard": bool, "stop": bool, "memory": bool, "settings": bool, "dry_run": bool},
        )
        again = Again(
            snapshot,
            discard=given.get_bool("discard"),
            stop=given.get_bool("stop"),
            memory=given.get_bool("memory"),
            settings=given.get_bool("settings"),
        )
        await self._rights.manage(call.caller, "restore", name)
        with self._names.taken(name):
            if given.get_bool("dry_run"):
                return await self._restores.plan(name, again)
            done = await self._restores.restore(name, again, tell(call))
        log.info("restored", machine=name, snapshot=done["restored"], by=call.caller.user)
        return done

    async def RemoveSnapshots(self, call: Call, name: str, options: dict[str, Any]) -> list[str]:
        given = Options(options, {"ids": STRINGS, "name": str, "keep": int, "dry_run": bool})
        ids = given.get_strings("ids")
        if (ids is None) == ("keep" not in given):
            raise InvalidOption("either ids or keep")
        await self._rights.manage(call.caller, "remove snapshots of", name)
        dry_run = given.get_bool("dry_run")
        with self._names.taken(name):
            if ids is not None:
                removed = await self._snapshots.remove(name, ids, dry_run=dry_run)
            else:
                label, keep = given.get_str("name"), given.get_int("keep", 0)
                removed = await self._snapshots.prune(name, label, keep, dry_run=dry_run)
        if removed and not dry_run:
            log.info("snapshots removed", machine=name, snapshots=removed, by=call.caller.user)
        return removed
