"""Machines put back to a generation, while they stop and start around it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aios.errors import Busy, NotFound
from aios.snapshots import generation, restoring, thread
from aios.snapshots.disk import errors_told
from aios.snapshots.ending import after
from aios.snapshots.generation import Generation, Moment
from aios.snapshots.keeper import Keeper
from aios.snapshots.restoring import Restoring
from aios.snapshots.taking import SETTINGS
from aios.snapshots.thread import Tell
from aios.snapshots.work import Work


@dataclass(frozen=True)
class Again:
    """How a machine is restored."""

    snapshot: str = ""
    discard: bool = False
    stop: bool = False
    memory: bool = False
    settings: bool = False


class Restores(Keeper):
    async def plan(self, machine: str, again: Again) -> dict[str, Any]:
        restore, _ = await self._restoring(machine, again)
        plan, made = restore.plan, restore.generation
        told: dict[str, Any] = {
            "snapshot": made.id, "method": str(plan.method), "free": plan.free,
            "keeps": not again.discard and restore.target.exists(),
        }  # fmt: skip
        return told | ({"bytes": plan.size.bytes} if plan.size is not None else {})

    async def restore(self, machine: str, again: Again, tell: Tell) -> dict[str, Any]:
        with errors_told():
            restore, runs = await self._restoring(machine, again)
        with self._store.locked(machine):
            try:
                with errors_told():
                    await self._exchange(restore, again, tell, runs=runs)
                await tell("putting aside what was there")
            except BaseException as error:
                await after(error, self._end(restore))
                raise
            # From here on it is done, whoever waits for it.
            kept = await thread.whole(self._end(restore))
        return {
            "restored": restore.generation.id,
            **({"kept": kept.id} if kept is not None else {}),
            "settings_differ": not again.settings and self._differ(restore.source, machine),
        }

    async def _end(self, restore: Restoring) -> Generation | None:
        if not restoring.is_done(self._store, restore.work):
            await self._ending.undo(restore.directory, restore.work)
            return None
        with errors_told(f"{restore.work.machine} is restored; what was there before is in"
                         f" {restore.directory}"):  # fmt: skip
            return await self._ending.finish(restore.directory, restore.work)

    async def _restoring(self, machine: str, again: Again) -> tuple[Restoring, bool]:
        source = self._store.find(machine, again.snapshot)
        made = generation.read(source)
        if again.memory and not made.memory:
            raise NotFound(f"snapshot {made.id} was made without the memory")
        runs = await self._power.runs(machine)
        if runs and not again.stop:
            raise Busy(f"{machine} runs", hint="--stop stops it meanwhile, and starts it again")
        note = f"before the restore of {made.name or made.id}"
        settings = again.settings or not self._store.settings(machine).exists()
        work = Work(
            machine, keep=not again.discard, note=note, moment=str(Moment.STOPPED),
            recall=made.memory if again.memory else "",
            settings=str(source) if settings else "",
        )  # fmt: skip
        restore = await asyncio.to_thread(Restoring, self._store, machine, source, work)
        restore.require_space()
        return restore, runs

    async def _exchange(self, restore: Restoring, again: Again, tell: Tell, *, runs: bool) -> None:
        machine = restore.work.machine
        restore.begin()
        if restore.work.keep and restore.target.exists():
            restore.note(memory=f"snapshot-{restore.id}.db")
            await self._ask("BackupFor", snapshot=restore.id)
        what = f"copying {restore.generation.id}"
        await tell(what)
        await thread.run(restore.build, tell, what, restore.plan.total)
        if runs:
            await tell(f"stopping {machine}")
            restore.note(start=True)
            if await self._power.runs(machine):
                await self._power.stop(machine)
        elif await self._power.runs(machine):
            raise Busy(f"{machine} was started meanwhile; nothing was changed")
        with self._lock(restore.target):
            await thread.whole(asyncio.to_thread(restore.exchange, self._store.settings(machine)))

    def _differ(self, source: Path, machine: str) -> bool:
        kept, now = source / SETTINGS, self._store.settings(machine)
        return kept.exists() and now.exists() and kept.read_bytes() != now.read_bytes()
