"""Everything in a tree, depth first and by name, opened from its root on and never through a link:
who wrote it may be whoever is root in a machine.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aios.errors import Unavailable

_DEEPEST = 250
"""Each level holds a descriptor or two, and a process has 1024 where nobody gives it more."""
_UNESCAPED = re.compile(r"\\([0-7]{3})")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Entry:
    path: str
    """From the root, which is "."."""
    name: str
    directory: int
    """A descriptor of where it is in, open until the next entry is taken."""
    status: os.stat_result
    descriptor: int = -1
    """A directory's own, open until it is left."""
    left: bool = False
    """A directory comes twice: before what is in it, and after."""

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def proc(self) -> str:
        """A path to it for calls that take no descriptor of a directory."""
        return f"/proc/self/fd/{self.directory}/{self.name}"


def walk(root: Path) -> Iterator[Entry]:
    """Raises OSError, Unavailable for one that is too deep."""
    stack: list[tuple[Entry, Iterator[str]]] = []
    above = os.open(root.parent, _DIRECTORY)
    try:
        first = _enter(above, root.name, ".")
        stack.append((first, _names(first.descriptor)))
        yield first
        while stack:
            inside, names = stack[-1]
            name = next(names, None)
            if name is None:
                yield Entry(inside.path, inside.name, inside.directory, inside.status,
                            inside.descriptor, left=True)  # fmt: skip
                os.close(inside.descriptor)
                stack.pop()
                continue
            path = name if inside.path == "." else f"{inside.path}/{name}"
            status = os.stat(name, dir_fd=inside.descriptor, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                yield Entry(path, name, inside.descriptor, status)
                continue
            if len(stack) >= _DEEPEST:
                raise Unavailable(f"{root}: more than {_DEEPEST} directories in one another")
            entry = _enter(inside.descriptor, name, path)
            stack.append((entry, _names(entry.descriptor)))
            yield entry
    finally:
        for entry, _ in stack:
            os.close(entry.descriptor)
        os.close(above)


def _enter(directory: int, name: str, path: str) -> Entry:
    descriptor = os.open(name, _DIRECTORY, dir_fd=directory)
    return Entry(path, name, directory, os.fstat(descriptor), descriptor)


def _names(descriptor: int) -> Iterator[str]:
    return iter(sorted(os.listdir(descriptor)))


def require_unmounted(root: Path, table: Path = Path("/proc/self/mountinfo")) -> None:
    """Raises Unavailable for what is mounted in the tree, which is no part of the machine. What the
    machine itself mounts is not seen out here."""
    for line in table.read_text(errors="surrogateescape").splitlines():
        place = _UNESCAPED.sub(lambda found: chr(int(found[1], 8)), line.split()[4])
        if place != str(root) and Path(place).is_relative_to(root):
            raise Unavailable(f"something is mounted at {place}", hint=f"umount {place}")


@dataclass(frozen=True)
class Size:
    files: int
    bytes: int
    """On disk, a file with several names once."""


def size(root: Path) -> Size:
    files = taken = 0
    seen = set[tuple[int, int]]()
    for entry in walk(root):
        if entry.left:
            continue
        status = entry.status
        files += 1
        if status.st_nlink > 1 and not entry.is_directory:
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
        taken += status.st_blocks * 512
    return Size(files, taken)
