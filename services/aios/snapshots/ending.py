"""How snapshots and restores end that were cut short: by an error, by whoever asked for them and
went, by a kill, by a power loss. All is on disk that says what is to be done."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from aios.errors import AiosError
from aios.journal import log
from aios.snapshots import generation, recovery, restoring, thread
from aios.snapshots.generation import Generation
from aios.snapshots.recovery import Left
from aios.snapshots.store import Store
from aios.snapshots.work import Work

Hold = Callable[[], contextlib.AbstractContextManager[None]]
Ask = Callable[..., Awaitable[dict[str, Any]]]
"""The memory: a method's name and its parameters."""


class Power(Protocol):
    """Of machines, by name."""

    async def runs(self, name: str) -> bool: ...
    async def start(self, name: str) -> None: ...
    async def stop(self, name: str) -> None: ...
    async def freeze(self, name: str) -> None: ...
    async def thaw(self, name: str) -> None:
        """No error where there is nothing to thaw."""


class Ending:
    """`hold` keeps the service while something is done that nobody waits for."""

    def __init__(self, store: Store, power: Power, ask: Ask, hold: Hold) -> None:
        self._store = store
        self._power = power
        self._ask = ask
        self._hold = hold
        self._tasks: set[asyncio.Task[None]] = set()

    async def recover(self) -> None:
        """Nobody else has begun anything yet; what takes long goes on while others are served."""
        found: dict[str, list[Left]] = {}
        for left in await asyncio.to_thread(lambda: list(recovery.left(self._store))):
            found.setdefault(left.work.machine, []).append(left)
        for machine, lefts in found.items():
            self._keep(self._recover(machine, lefts))
        # Each has its lock when this returns.
        await asyncio.sleep(0)

    async def recovered(self) -> None:
        """What `recover` began, and what was to be removed, is over."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _recover(self, machine: str, lefts: list[Left]) -> None:
        with self._hold(), self._store.locked(machine):
            for left in lefts:
                log.info("was cut short", path=str(left.directory), finish=left.finish)
                try:
                    if left.finish:
                        await self.finish(left.directory, left.work)
                    else:
                        await self.undo(left.directory, left.work)
                except (AiosError, OSError) as error:
                    log.error("was cut short", path=str(left.directory), why=str(error))

    async def finish(self, directory: Path, found: Work) -> Generation | None:
        """Also after a kill, as often as it was cut short. What fails on the way is told when the
        rest is done: the tree is in its place."""
        failed: list[AiosError] = []
        if found.recall:
            # Once more after a kill between the two: what came between is kept aside by memory.
            hint = f"the machine is restored; `aios memory restore {found.recall}` tries again"
            await tried(self._ask("Restore", backup=found.recall), hint, failed)
        if found.settings:
            restoring.put_settings(Path(found.settings), self._store.settings(found.machine))
        if found.start:
            hint = f"the machine is restored; journalctl -u systemd-nspawn@{found.machine}"
            await tried(self._power.start(found.machine), hint, failed)
        kept = await asyncio.to_thread(restoring.finish, self._store, directory, found)
        if isinstance(kept, Path):
            self.discard(kept, found.memory)
        for error in failed:
            raise error
        return kept if isinstance(kept, Generation) else None

    async def undo(self, directory: Path, found: Work) -> None:
        """What fails on the way is told when the rest is done."""
        failed: list[AiosError] = []
        hint = f"journalctl -u systemd-nspawn@{found.machine}"
        if found.thaw:
            await tried(self._power.thaw(found.machine), hint, failed)
        made = generation.known(directory)
        self.discard(directory, found.memory or (made.memory if made else ""))
        if found.start:
            await tried(self._power.start(found.machine), hint, failed)
        for error in failed:
            raise error

    def discard(self, directory: Path, memory: str) -> None:
        """What it takes goes while nobody waits. memory: the backup that belongs to it."""
        self._keep(self._remove(directory, memory))

    async def _remove(self, directory: Path, memory: str) -> None:
        with self._hold():
            try:
                if memory:
                    await self._ask("RemoveBackup", snapshot=_snapshot_of(memory))
                await asyncio.to_thread(self._store.discard, directory)
            except (AiosError, OSError) as error:
                # The next start of the service tries again.
                log.warning("a snapshot could not be removed", path=str(directory), why=str(error))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def tried(work: Awaitable[object], hint: str, failed: list[AiosError]) -> None:
    """What fails is told later."""
    try:
        await work
    except AiosError as error:
        failed.append(type(error)(error.message, hint=hint))


async def after(error: BaseException, work: Awaitable[object]) -> None:
    """To its end. What fails is told with `error`, not instead of it."""
    try:
        await thread.whole(work)
    except AiosError as another:
        log.error("after an error", error=str(error), why=str(another))
        if isinstance(error, AiosError):
            told = (error.hint, f"then {another.message}", another.hint)
            error.hint = "; ".join(filter(None, told))


def _snapshot_of(backup: str) -> str:
    return backup.removeprefix("snapshot-").removesuffix(".db")
