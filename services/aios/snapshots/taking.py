"""A new generation of a machine's tree."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aios import durable
from aios.ids import new_id
from aios.snapshots import btrfs, copy, generation, manifest, space, walk, work
from aios.snapshots.copy import Step
from aios.snapshots.exchange import synchronize
from aios.snapshots.generation import Generation, Method, Moment
from aios.snapshots.store import Store
from aios.snapshots.walk import Size
from aios.snapshots.work import Work

SETTINGS = "nspawn"
TREE = "tree"


@dataclass(frozen=True)
class Plan:
    method: Method
    size: Size | None
    """What is to be copied; None for a subvolume, where it is not counted."""
    free: int

    @property
    def total(self) -> int:
        """Bytes that pass through our hands."""
        return self.size.bytes if self.size is not None and self.method is Method.COPY else 0


def plan(tree: Path, directory: Path) -> Plan:
    """How a tree would come into a directory."""
    walk.require_unmounted(tree)
    free = space.free(directory)
    if btrfs.is_subvolume(tree) and btrfs.same(tree, directory):
        return Plan(Method.SUBVOLUME, None, free)
    method = Method.REFLINK if _shares(tree, directory) else Method.COPY
    return Plan(method, walk.size(tree), free)


def _shares(tree: Path, directory: Path) -> bool:
    # Each subvolume of btrfs has a device of its own.
    one = tree.stat().st_dev == directory.stat().st_dev
    return (one or btrfs.same(tree, directory)) and copy.shares(directory)


class Taking:
    """One generation, step by step. What is not complete is `undo`ne, or found by recovery."""

    def __init__(self, store: Store, machine: str) -> None:
        self.id = new_id()
        self.store = store
        self._tree = store.present(machine)
        self.directory = store.new(machine) / f".{self.id}.new"
        self.work = Work(machine)
        self.plan = plan(self._tree, self.directory.parent)

    def require_space(self) -> None:
        """Raises NoSpace."""
        size = self.plan.size or Size(0, 0)
        shared = self.plan.method is not Method.COPY
        space.require(self.directory.parent, size, shared=shared)

    def begin(self) -> None:
        durable.directory(self.directory)
        self.note()

    def note(self, **values: object) -> None:
        """On disk before it is done: `memory`, `start`, `thaw`."""
        self.work = work.change(self.directory, self.work, **values)

    def tree(self, step: Step) -> None:
        """Raises OSError, NoSpace, Unavailable, and what `step` raises."""
        fill(self._tree, self.directory / TREE, self.plan.method, self.directory, step)

    def complete(
        self, moment: Moment, settings: Path, *, name: str = "", note: str = ""
    ) -> Generation:
        """On disk, under its name, when it returns."""
        kept = keep_settings(settings, self.directory)
        seal(self.directory / TREE)
        synchronize(self.directory)
        made = describe(
            self.directory, Generation(
                self.id, self.work.machine, now(), self.plan.method, moment, name, note,
                memory=self.work.memory, settings=kept,
                contents=self.plan.method is Method.COPY,
            )
        )  # fmt: skip
        generation.write(made, self.directory)
        name_it(self.directory)
        return made


def fill(source: Path, target: Path, method: Method, beside: Path, step: Step) -> None:
    """target: a tree like `source`, with its manifest beside it unless it is a subvolume's
    snapshot, where reading all would take what it saves."""
    if method is Method.SUBVOLUME:
        step(0)
        btrfs.snapshot(source, target)
        return
    with manifest.Writer(beside / manifest.FILE) as lines:
        copy.copy(source, target, lines, step, shared=method is Method.REFLINK)


def seal(tree: Path) -> None:
    """Nobody changes it by mistake, where the file system can say so."""
    if btrfs.is_subvolume(tree):
        btrfs.seal(tree)


def describe(directory: Path, made: Generation) -> Generation:
    """With what verification needs. The tree is sealed and on disk."""
    tree, lines = directory / TREE, directory / manifest.FILE
    told = vars(made).copy()
    if lines.exists():
        count = taken = 0
        for line in manifest.read(lines):
            count += 1
            taken += line[6] if line[1] == "file" else 0
        durable.sync(lines)
        told.update(files=count, bytes=taken, manifest=manifest.digest(lines))
    if btrfs.is_subvolume(tree):
        told["subvolumes"] = btrfs.states(tree)
    return Generation(**told)


def keep_settings(settings: Path, directory: Path) -> bool:
    if not settings.is_file():
        return False
    shutil.copyfile(settings, directory / SETTINGS)
    durable.sync(directory / SETTINGS)
    return True


def name_it(directory: Path) -> Path:
    """Complete from here on."""
    path = directory.with_name(directory.stem[1:])
    durable.sync(directory)
    directory.rename(path)
    durable.sync(path.parent)
    (path / work.FILE).unlink(missing_ok=True)
    return path


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
