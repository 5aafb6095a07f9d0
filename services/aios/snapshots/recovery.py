"""What a service that was killed, or a power loss, has left: finished if it was in force, undone if
it was not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aios.snapshots import generation, restoring, work
from aios.snapshots.store import Store
from aios.snapshots.work import Work


@dataclass(frozen=True)
class Left:
    directory: Path
    work: Work
    finish: bool
    """A restore that is in force; all else is to be undone."""


def left(store: Store) -> Iterator[Left]:
    for machine in store.machines_known():
        for directory in store.unfinished(machine):
            found = replace(work.read(directory) or Work(machine), machine=machine)
            restore = directory.suffix == ".restoring"
            complete = restore and (directory / generation.FILE).exists()
            yield Left(
                directory, found, finish=complete or (restore and restoring.is_done(store, found))
            )
