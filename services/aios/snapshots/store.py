"""Where generations are, and which there are.

In the file system of the machines, since a tree is put in its place by renaming it: beside aios's
other state where that is the same, else in a hidden directory among the machines.
(`machinectl clean` removes hidden ones, so that is the second choice; what is called `.#…` there
would be removed at boot.)
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from aios import durable
from aios.errors import Busy, NoSuchMachine, NotFound, Unavailable
from aios.ids import HOST, is_id, is_machine
from aios.snapshots import generation, remove
from aios.snapshots.generation import Generation

MACHINES = Path("/var/lib/machines")
NSPAWN = Path("/etc/systemd/nspawn")
BESIDE = Path("/var/lib/aios/snapshots")
_LOCK = ".lock"
_SHORTEST = 6
"""So much of an id's end says which."""
BEFORE_RESTORE = "before-restore"
"""The name of what a restore put aside."""


class Store:
    def __init__(
        self, machines: Path = MACHINES, beside: Path = BESIDE, nspawn: Path = NSPAWN
    ) -> None:
        self.machines = machines
        self._nspawn = nspawn
        self._beside = beside
        self._among = machines / ".aios"

    @property
    def directories(self) -> list[Path]:
        """All that there are; the one for new generations first."""
        beside = durable.directory(self._beside)
        ordered = [self._beside, self._among]
        if _file_system(beside) != _file_system(self.machines):
            ordered.reverse()
        return [ordered[0], *(one for one in ordered[1:] if one.is_dir())]

    def new(self, machine: str) -> Path:
        """The directory for new generations of a machine."""
        return durable.directory(durable.directory(self.directories[0]) / machine)

    def tree(self, machine: str) -> Path:
        """Where a machine's tree is, whether there or not. Raises NoSuchMachine."""
        if not is_machine(machine) or machine == HOST:
            raise NoSuchMachine(f"{machine!r} is no machine that can have snapshots")
        return self.machines / machine

    def settings(self, machine: str) -> Path:
        self.tree(machine)
        return self._nspawn / f"{machine}.nspawn"

    def present(self, machine: str) -> Path:
        """A tree that is there."""
        tree = self.tree(machine)
        if tree.is_symlink():
            raise Unavailable(f"{tree} is a link; snapshots are of trees in {self.machines}")
        if tree.is_dir():
            return tree
        if tree.with_name(f"{machine}.raw").exists():
            raise Unavailable(
                f"{machine} is a disk image, not a tree of files",
                hint=f"machinectl clone {machine} NAME copies it",
            )
        raise NoSuchMachine(f"no machine {machine} in {self.machines}")

    def machines_known(self) -> list[str]:
        """Those that have generations, or had."""
        return sorted({one.name for top in self.directories if top.is_dir()
                       for one in top.iterdir() if is_machine(one.name)})  # fmt: skip

    def paths(self, machine: str) -> list[Path]:
        """Of complete generations, the newest first."""
        self.tree(machine)
        found = [one for top in self.directories for one in _entries(top / machine)
                 if is_id(one.name)]  # fmt: skip
        return sorted(found, key=lambda path: path.name, reverse=True)

    def generations(self, machine: str) -> list[Generation]:
        found = [generation.known(path) for path in self.paths(machine)]
        return [one for one in found if one is not None]

    def find(self, machine: str, said: str) -> Path:
        """By id, the end of one, or name (the newest of it); "": the newest that no restore put
        aside. Raises NotFound."""
        paths = self.paths(machine)
        if not paths:
            raise NotFound(
                f"{machine} has no snapshots", hint=f"aios machine snapshot {machine} makes one"
            )
        ended = [path for path in paths if len(said) >= _SHORTEST and path.name.endswith(said)]
        if len(ended) == 1:
            return ended[0]
        for path in paths:
            made = generation.known(path)
            if made is None:
                continue
            if (said and made.name == said) or (not said and made.name != BEFORE_RESTORE):
                return path
        raise NotFound(
            f"no snapshot {said!r} of {machine}",
            hint=f"aios machine snapshots {machine} lists them",
        )

    def unfinished(self, machine: str) -> list[Path]:
        """What was cut short."""
        return [one for top in self.directories for one in _entries(top / machine)
                if one.name.startswith(".") and is_id(one.stem[1:])]  # fmt: skip

    @contextlib.contextmanager
    def locked(self, machine: str) -> Iterator[None]:
        """Raises Busy while another makes, restores or removes a generation of it."""
        self.tree(machine)
        path = self.new(machine) / _LOCK
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise Busy(f"another snapshot or restore of {machine} is under way") from error
        finally:
            os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Those of a machine go with its name; again, where it was cut short. Raises OSError."""
        for top in self.directories:
            for path in _entries(top / old):
                target = durable.directory(top / new) / path.name
                if path.name != _LOCK and not target.exists():
                    path.rename(target)
            if (top / new).is_dir():
                durable.sync(top / new)

    def set_aside(self, path: Path, id_: str) -> Path:
        """It is no generation any more; what is left is to remove it."""
        gone = path.with_name(f".{id_}.gone")
        path.rename(gone)
        durable.sync(gone.parent)
        return gone

    def discard(self, path: Path) -> None:
        """What was set aside or cut short. No error where there is nothing."""
        if path.exists():
            remove.working(path)
            durable.sync(path.parent)


def _file_system(directory: Path) -> tuple[int, int]:
    """Two directories of one can be renamed into each other: device (each subvolume of btrfs has
    one) and mount."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        told = Path(f"/proc/self/fdinfo/{descriptor}").read_text().split()
        return os.fstat(descriptor).st_dev, int(told[told.index("mnt_id:") + 1])
    finally:
        os.close(descriptor)


def _entries(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []
