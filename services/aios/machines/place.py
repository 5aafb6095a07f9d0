"""Where a machine's parts are. What begins with a dot is ours while it is made or removed: machined
and nspawn see no machine in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aios.attach import access
from aios.attach.bus_files import ACTIVATION, BUS_POLICY
from aios.attach.settings import NSPAWN
from aios.errors import InvalidOption, NoSuchMachine
from aios.ids import HOST, exec_bus_name, is_id, is_machine, new_id

MACHINES = Path("/var/lib/machines")
_MADE, _GONE = ".aios-new-", ".aios-gone-"


@dataclass(frozen=True)
class Place:
    """The machine `name`, there or not."""

    name: str

    @property
    def tree(self) -> Path:
        return MACHINES / self.name

    @property
    def image(self) -> Path:
        """A disk image in the tree's stead, which machinectl deals with."""
        return MACHINES / f"{self.name}.raw"

    @property
    def settings(self) -> Path:
        return NSPAWN / f"{self.name}.nspawn"

    @property
    def unit(self) -> str:
        return f"systemd-nspawn@{self.name}.service"

    @property
    def access(self) -> Path:
        """The word that says what it sees of the memory."""
        return access.WANTED / self.name

    @property
    def door(self) -> list[Path]:
        """What the bus knows of its exec."""
        name = exec_bus_name(self.name)
        return [BUS_POLICY / f"{name}.conf", ACTIVATION / f"{name}.service"]


def named(name: str) -> Place:
    """Raises InvalidOption for what cannot be a machine's name."""
    if name == HOST or not is_machine(name):
        raise InvalidOption(
            f"{name!r} cannot be a machine's name", hint="letters, digits, - and _, as a hostname"
        )
    return Place(name)


def existing(name: str) -> Place:
    """One whose tree is a directory. Raises NoSuchMachine."""
    found = startable(name)
    if not found.tree.is_dir():
        raise NoSuchMachine(
            f"{name} is a disk image, not a directory", hint="machinectl deals with those"
        )
    return found


def startable(name: str) -> Place:
    """Raises NoSuchMachine."""
    if name != HOST and is_machine(name):
        found = Place(name)
        if found.tree.is_dir() or found.image.exists():
            return found
    raise NoSuchMachine(f"no machine {name!r}", hint="aios machine list")


def new(purpose: str = _MADE) -> Path:
    """A place for a tree that is not a machine yet."""
    return MACHINES / f"{purpose}{new_id()}"


def gone() -> Path:
    return new(_GONE)


def leftovers() -> Iterator[Path]:
    """Of a service that was killed."""
    if not MACHINES.is_dir():
        return
    for path in MACHINES.iterdir():
        for purpose in (_MADE, _GONE):
            if path.name.startswith(purpose) and is_id(path.name.removeprefix(purpose)):
                yield path
