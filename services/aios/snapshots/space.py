"""Whether there is room for a copy, before it is begun."""

import os
from pathlib import Path

from aios.errors import NoSpace
from aios.snapshots.walk import Size

_SHARED_EACH = 1024
"""What a file takes whose blocks are another's: its name, its inode."""
_LEFT = 32 << 20
"""What must be free when all is done: for the journal, for the memory."""


def free(directory: Path) -> int:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def needed(size: Size, *, shared: bool) -> int:
    return _LEFT + (size.files * _SHARED_EACH if shared else size.bytes)


def require(directory: Path, size: Size, *, shared: bool) -> None:
    """Raises NoSpace."""
    wanted, there = needed(size, shared=shared), free(directory)
    if wanted > there:
        raise NoSpace(
            f"not enough room in {directory}: {_readable(wanted)} are needed,"
            f" {_readable(there)} free",
            hint="nothing was changed; `aios machine snapshots MACHINE --keep N` removes old ones",
        )
    inodes = os.statvfs(directory)
    if inodes.f_files and inodes.f_favail < size.files:
        raise NoSpace(f"not enough room in {directory}: {size.files} files are to be made,"
                      f" {inodes.f_favail} are possible")  # fmt: skip


def _readable(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB"
