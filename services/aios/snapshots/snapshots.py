"""Generations of machines: made, listed, verified, removed."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aios.errors import AiosError, Busy
from aios.snapshots import generation, thread, verify
from aios.snapshots.disk import errors_told
from aios.snapshots.ending import after, tried
from aios.snapshots.generation import Generation, Method, Moment
from aios.snapshots.keeper import Keeper
from aios.snapshots.taking import Taking
from aios.snapshots.thread import Tell


@dataclass(frozen=True)
class Wanted:
    """Of a new snapshot."""

    name: str = ""
    note: str = ""
    keep: int = 0
    """So many of that name are left when it is made; 0: all."""
    stop: bool = False
    freeze: bool = False
    memory: bool = True


class Snapshots(Keeper):
    async def listed(self, machine: str) -> list[dict[str, Any]]:
        """machine: "" for all."""
        names = [machine] if machine else await asyncio.to_thread(self._store.machines_known)
        return [told for name in names for told in await asyncio.to_thread(self._told, name)]

    def _told(self, machine: str) -> list[dict[str, Any]]:
        return [_shown(path) for path in self._store.paths(machine)]

    async def verify(self, machine: str, snapshot: str, tell: Tell) -> list[str]:
        path = self._store.find(machine, snapshot)
        made = generation.known(path)
        total = made.bytes if made is not None else 0
        problems = await thread.run(
            lambda step: verify.verify(path, step), tell, f"reading {path.name}", total
        )
        if made is not None and made.memory:
            kept = {one["name"] for one in (await self._ask("ListBackups"))["backups"]}
            if made.memory not in kept:
                problems.append(f"the memory's backup {made.memory} is missing")
        return problems

    async def plan(self, machine: str, wanted: Wanted) -> dict[str, Any]:
        """What `take` would do. Raises as it would, before it does anything."""
        taking, _ = await self._prepared(machine, wanted)
        plan = taking.plan
        told: dict[str, Any] = {"method": str(plan.method), "free": plan.free}
        if plan.size is not None:
            told |= {"files": plan.size.files, "bytes": plan.size.bytes}
        removed = self._beyond(machine, wanted.name, wanted.keep - 1) if wanted.keep else []
        return {**told, "removes": [path.name for path in removed]}

    async def take(self, machine: str, wanted: Wanted, tell: Tell) -> dict[str, Any]:
        failed: list[AiosError] = []
        with errors_told():
            taking, moment = await self._prepared(machine, wanted)
        with self._store.locked(machine):
            try:
                with errors_told():
                    made = await self._take(taking, moment, wanted, tell, failed)
            except BaseException as error:
                await after(error, self._ending.undo(taking.directory, taking.work))
                raise
            if wanted.keep:
                self._set_aside(self._beyond(machine, wanted.name, wanted.keep))
        for failure in failed:
            raise failure
        return _shown(self._store.find(machine, made.id))

    async def _prepared(self, machine: str, wanted: Wanted) -> tuple[Taking, Moment]:
        generation.check_name(wanted.name)
        generation.check_note(wanted.note)
        taking = await asyncio.to_thread(Taking, self._store, machine)
        taking.require_space()
        if not await self._power.runs(machine):
            return taking, Moment.STOPPED
        if wanted.stop:
            return taking, Moment.STOPPED
        if wanted.freeze:
            return taking, Moment.FROZEN
        if taking.plan.method is Method.SUBVOLUME:
            return taking, Moment.RUNNING
        raise Busy(
            f"{machine} runs, and a copy would be of no one moment",
            hint="--stop stops it meanwhile; --freeze lets all of it wait, and the copy is what a"
            " power cut would have left",
        )

    async def _take(
        self, taking: Taking, moment: Moment, wanted: Wanted, tell: Tell, failed: list[AiosError]
    ) -> Generation:
        machine = taking.work.machine
        taking.begin()
        if wanted.memory:
            await tell("backing up the memory")
            taking.note(memory=f"snapshot-{taking.id}.db")
            await self._ask("BackupFor", snapshot=taking.id)
        runs = await self._power.runs(machine)
        if runs and moment is Moment.STOPPED:
            await tell(f"stopping {machine}")
            taking.note(start=True)
            await self._power.stop(machine)
        elif runs and moment is Moment.FROZEN:
            taking.note(thaw=True)
            await self._power.freeze(machine)
        elif not runs:
            moment = Moment.STOPPED
        plan = taking.plan
        what = "taking a snapshot" if plan.method is Method.SUBVOLUME else f"copying {machine}"
        await tell(what)
        held = self._lock(self._store.tree(machine)) if moment is Moment.STOPPED else _free()
        with held:
            await thread.run(taking.tree, tell, what, plan.total)
        await self._run_again(taking, failed)
        await tell("writing to disk")
        return await thread.whole(asyncio.to_thread(
            taking.complete, moment, self._store.settings(machine),
            name=wanted.name, note=wanted.note,
        ))  # fmt: skip

    async def _run_again(self, taking: Taking, failed: list[AiosError]) -> None:
        """As soon as nothing of it is needed any more."""
        machine = taking.work.machine
        hint = f"the snapshot is made; journalctl -u systemd-nspawn@{machine}"
        if taking.work.thaw:
            await tried(self._power.thaw(machine), hint, failed)
        if taking.work.start:
            await tried(self._power.start(machine), hint, failed)
        if taking.work.thaw or taking.work.start:
            taking.note(thaw=False, start=False)

    async def remove(
        self, machine: str, snapshots: list[str], *, dry_run: bool = False
    ) -> list[str]:
        """All or, where one of them is not there, none."""
        # One may be named twice: by its id and by its name.
        paths = list(dict.fromkeys(self._store.find(machine, one) for one in snapshots if one))
        with self._store.locked(machine):
            if not dry_run:
                self._set_aside(paths)
        return [path.name for path in paths]

    async def prune(
        self, machine: str, name: str, keep: int, *, dry_run: bool = False
    ) -> list[str]:
        with self._store.locked(machine):
            paths = self._beyond(machine, name, keep)
            if not dry_run:
                self._set_aside(paths)
        return [path.name for path in paths]

    def _beyond(self, machine: str, name: str, keep: int) -> list[Path]:
        found = generation.beyond(self._store.generations(machine), name, keep)
        ids = {one.id for one in found}
        return [path for path in self._store.paths(machine) if path.name in ids]

    def _set_aside(self, paths: list[Path]) -> None:
        """They are none from here on; what they take goes while nobody waits."""
        for path in paths:
            made = generation.known(path)
            # Where nobody knows there may be one.
            memory = made.memory if made is not None else f"snapshot-{path.name}.db"
            self._ending.discard(self._store.set_aside(path, path.name), memory)


def _shown(path: Path) -> dict[str, Any]:
    """For callers: what is not known is absent."""
    made = generation.known(path)
    if made is None:
        return {
            "id": path.name, "machine": path.parent.name, "name": "", "created_at": "",
            "note": f"{generation.FILE} cannot be read", "method": "unknown", "moment": "stopped",
            "memory": "", "path": str(path),
        }  # fmt: skip
    told = {
        "id": made.id, "machine": made.machine, "name": made.name, "note": made.note,
        "created_at": made.created_at, "method": str(made.method), "moment": str(made.moment),
        "memory": made.memory, "path": str(path),
    }  # fmt: skip
    counted = {"files": made.files, "bytes": made.bytes} if made.files else {}
    return told | counted


@contextlib.contextmanager
def _free() -> Iterator[None]:
    yield
