"""OS trees: copied, put in their place whole, and taken out of it whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aios import durable
from aios.errors import AiosError, Busy, Unavailable
from aios.journal import log
from aios.machines import place, process
from aios.machines.base import Tell
from aios.snapshots import btrfs
from aios.snapshots.remove import remove

Hold = Callable[[], contextlib.AbstractContextManager[None]]


class Trees:
    """`hold` keeps the service while something is removed that nobody waits for."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._removing: set[asyncio.Task[None]] = set()

    def clean(self) -> None:
        """What a service that was killed has left."""
        for path in place.leftovers():
            self._remove(path)

    @contextlib.asynccontextmanager
    async def made(self, target: Path, tell: Tell) -> AsyncIterator[Path]:
        """Where a tree is made that becomes `target`, whole and on disk, if nothing is raised.
        Raises Busy where there is one by then."""
        new = place.new()
        try:
            yield new
            await tell("writing to disk")
            await synchronize(new)
            put(new, target)
        except BaseException:
            self._remove(new)
            raise

    def discard(self, tree: Path) -> "asyncio.Task[None]":
        """No machine any more when this returns; what it held when the task ends, whoever waits."""
        gone = place.gone()
        tree.rename(gone)
        durable.sync(tree.parent)
        return self._remove(gone)

    def _remove(self, path: Path) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(self._rm(path))
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)
        return task

    async def _rm(self, path: Path) -> None:
        with self._hold():
            try:
                await asyncio.to_thread(remove, path)
            except (AiosError, OSError) as error:
                # The next start of the service tries again.
                log.warning("a tree could not be removed", path=path, why=str(error))


async def copy(source: Path, target: Path) -> None:
    """By reference where the file system can; on btrfs into a subvolume, of which snapshots take a
    moment."""
    if await asyncio.to_thread(_is_snapshot, source, target):
        return
    await process.run(
        ["cp", "-a", "--reflink=auto", "-T", "--", source, target], f"copying {source.name}"
    )


def _is_snapshot(source: Path, target: Path) -> bool:
    """Whether that was all. If not, `target` is there, empty, where it is to be a subvolume."""
    if not btrfs.has(target.parent):
        return False
    try:
        if btrfs.is_subvolume(source) and btrfs.same(source, target.parent):
            btrfs.snapshot(source, target)
            return True
        btrfs.create(target)
    except OSError as error:
        raise Unavailable(f"copying {source.name}: {error.strerror}") from error
    return False


async def synchronize(tree: Path) -> None:
    """Its whole file system."""
    await process.run(["sync", "-f", "--", tree], "writing to disk")


def put(new: Path, target: Path) -> None:
    """`target` is there whole or not at all."""
    if target.exists():
        raise Busy(f"{target.name} is there by now")
    new.rename(target)
    durable.sync(target.parent)
