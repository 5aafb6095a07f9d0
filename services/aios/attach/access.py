"""What a machine is to see of the memory, and what it sees. Standard library only.

aios-memory keeps what is wanted, a word in a file for each machine; root, which reads it, takes
nothing but these words. What is there root tells in a file of its own.
"""

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from aios import durable

WANTED = Path("/var/lib/aios/attach")
FOUND = Path("/run/aios/attach")
MACHINES = Path("/run/systemd/machines")
_LONGEST = 64


class Access(StrEnum):
    READ_ONLY = "read-only"
    """The service's socket, and the database to read."""
    READ_WRITE = "read-write"
    """The database to write too, as the original aigpt does: a second writer, that knows nothing
    of who may forget what, and can damage the file."""
    SOCKET = "socket"
    """The service alone."""
    NONE = "none"
    """Nothing: the service answers nobody there."""

    @property
    def database(self) -> str:
        """How its directory is bound."""
        return self if self in (Access.READ_ONLY, Access.READ_WRITE) else ""


DEFAULT = Access.READ_ONLY


def wanted(machine: str, directory: Path = WANTED) -> Access:
    """NONE for a file that does not say."""
    # Not ours to trust: a link is not followed, a FIFO not waited for.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(directory / machine, flags)
    except FileNotFoundError:
        return DEFAULT
    except OSError:
        return Access.NONE
    try:
        text = os.read(fd, _LONGEST).decode(errors="replace").strip()
    except OSError:
        return Access.NONE
    finally:
        os.close(fd)
    return Access(text) if text in tuple(Access) else Access.NONE


def want(machine: str, access: Access, directory: Path = WANTED) -> None:
    """On disk when it returns. Raises OSError."""
    path = directory / machine
    new = directory / f".{machine}.new"
    # Root writes here, too, when a machine is copied: not through what aios-memory has laid there.
    new.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(new, flags, 0o600), "w") as file:  # noqa: PTH123 - a descriptor has no Path
        file.write(f"{access}\n")
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
    new.replace(path)
    durable.sync(directory)


@dataclass(frozen=True)
class Found:
    """What root saw of a machine."""

    leader: int = 0
    """Its first process; 0 when it does not run."""
    database: str = ""
    """read-only, read-write, or not there."""
    sockets: bool = False
    problem: str = ""
    """Why the database cannot be bound."""

    def text(self) -> str:
        return json.dumps(asdict(self))


def found(machine: str, directory: Path = FOUND) -> Found:
    """What root saw last; nothing before it has looked."""
    try:
        return Found(**json.loads((directory / machine).read_text()))
    except (OSError, ValueError, TypeError):
        return Found()


def leader(machine: str, directory: Path = MACHINES) -> int:
    """The pid of a running machine's first process, else 0."""
    try:
        lines = (directory / machine).read_text().splitlines()
    except OSError:
        return 0
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    return int(told.get("LEADER", "0"))
