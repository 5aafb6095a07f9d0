"""A generation's tree in the machine's place: made complete beside it, and exchanged with it at one
moment. What was there becomes a generation, or goes."""

from pathlib import Path

from aios import durable
from aios.attach import files
from aios.errors import Unavailable
from aios.ids import new_id
from aios.snapshots import btrfs, generation, manifest, space, work
from aios.snapshots.copy import Step, shares
from aios.snapshots.exchange import exchange, place, synchronize
from aios.snapshots.generation import Generation, Method, Moment
from aios.snapshots.store import BEFORE_RESTORE, Store
from aios.snapshots.taking import (
    SETTINGS,
    TREE,
    describe,
    fill,
    keep_settings,
    name_it,
    now,
    plan,
    seal,
)
from aios.snapshots.walk import Size, require_unmounted
from aios.snapshots.work import Work


class Restoring:
    """One restore, step by step: until `exchange` has returned nothing has happened to the
    machine."""

    def __init__(self, store: Store, machine: str, source: Path, wanted: Work) -> None:
        self.id = new_id()
        self.store = store
        self.source = source
        self.generation = generation.read(source)
        self.target = store.tree(machine)
        self.directory = store.new(machine) / f".{self.id}.restoring"
        self.work = wanted
        if self.target.exists():
            require_unmounted(store.present(machine))
        self.plan = plan(source / TREE, self.directory.parent)

    def require_space(self) -> None:
        """Raises NoSpace."""
        shared = self.plan.method is not Method.COPY
        space.require(self.directory.parent, self.plan.size or Size(0, 0), shared=shared)

    def begin(self) -> None:
        durable.directory(self.directory)
        self.note()

    def note(self, **values: object) -> None:
        self.work = work.change(self.directory, self.work, **values)

    def build(self, step: Step) -> None:
        """The tree, complete and on disk; it is what the generation was when it was made. Raises
        OSError, NoSpace, Unavailable, and what `step` raises."""
        require_sealed(self.source, self.generation)
        fill(self.source / TREE, self.directory / TREE, self.plan.method, self.directory, step)
        built = self.directory / manifest.FILE
        if built.exists():
            _require_same(self.source, self.generation, built)
            built.unlink()
        synchronize(self.directory)

    def exchange(self, settings: Path) -> None:
        """The machine does not run, and cannot be started. On disk when it returns."""
        keep_settings(settings, self.directory)
        new = self.directory / TREE
        self.note(new=_identity(new))
        if self.target.exists():
            exchange(new, self.target)
        else:
            place(new, self.target)
        durable.sync(self.directory)
        durable.sync(self.target.parent)
        self.note(done=True)


def is_done(store: Store, found: Work) -> bool:
    """Whether a restore that was cut short has put its tree in its place."""
    if found.done or not found.new:
        return found.done
    tree = store.tree(found.machine)
    return tree.is_dir() and _identity(tree) == found.new


def finish(store: Store, directory: Path, found: Work) -> Generation | Path:
    """After the exchange, any number of times: the generation that what was there has become, or
    where it is to be removed."""
    if (directory / generation.FILE).exists():
        return generation.read(name_it(directory))
    if found.keep and (directory / TREE).exists():
        return _kept(directory, found)
    return store.set_aside(directory, directory.stem[1:])


def _kept(directory: Path, found: Work) -> Generation:
    tree, lines = directory / TREE, directory / manifest.FILE
    sealed = btrfs.is_subvolume(tree)
    contents = not sealed and not shares(directory)
    if not sealed:
        lines.unlink(missing_ok=True)
        with manifest.Writer(lines) as written:
            for line in manifest.lines(tree, contents=contents):
                written.write(line)
    seal(tree)
    synchronize(directory)
    made = describe(
        directory, Generation(
            directory.stem[1:], found.machine, now(), Method.MOVED, Moment(found.moment),
            BEFORE_RESTORE, found.note, memory=found.memory, contents=contents,
            settings=(directory / SETTINGS).exists(),
        )
    )  # fmt: skip
    generation.write(made, directory)
    name_it(directory)
    return made


def put_settings(source: Path, settings: Path) -> bool:
    """Whether the generation's settings are in force now."""
    kept = source / SETTINGS
    if not kept.exists():
        return False
    files.write(settings, files.read(kept))
    durable.sync(settings.parent)
    return True


def require_sealed(source: Path, made: Generation) -> None:
    """Raises Unavailable for subvolumes that somebody has written to."""
    if made.subvolumes and btrfs.states(source / TREE) != made.subvolumes:
        raise Unavailable(
            f"snapshot {made.id} is not what it was: its subvolume was written to",
            hint=f"look: {source / TREE}",
        )


def _require_same(source: Path, made: Generation, built: Path) -> None:
    if not made.manifest:
        return
    expected = source / manifest.FILE
    if manifest.digest(expected) != made.manifest:
        raise Unavailable(f"snapshot {made.id}: its manifest is damaged")
    told = manifest.differences(manifest.read(expected), manifest.read(built))
    if told:
        raise Unavailable(
            f"snapshot {made.id} is not what it was: {told[0]}",
            hint=f"aios machine snapshots {made.machine} --verify tells all;"
            " the machine was not changed",
        )


def _identity(tree: Path) -> list[int]:
    """Which tree it is, whatever it is called. Inodes are used again only when they are gone, and
    each subvolume has the same one."""
    number = btrfs.tree(tree) if btrfs.is_subvolume(tree) else 0
    return [number, tree.stat().st_ino]

