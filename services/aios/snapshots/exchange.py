"""What is exchanged or written to disk at once, as glibc and Python have no call for."""

import ctypes
import errno
import os
from pathlib import Path

from aios.errors import Unavailable

_AT_FDCWD = -100
_NOREPLACE = 1
_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> None:
    """Each has the other's name, at one moment. Raises Unavailable where the file system cannot."""
    try:
        _rename(one, other, _EXCHANGE)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        raise Unavailable(
            f"the file system of {other} cannot exchange two directories at one moment",
            hint="ext4, xfs and btrfs can; nothing was changed",
        ) from error


def place(one: Path, free: Path) -> None:
    """Raises FileExistsError if there is something by now."""
    _rename(one, free, _NOREPLACE)


def _rename(one: Path, other: Path, flags: int) -> None:
    paths = os.fsencode(one), os.fsencode(other)
    if _libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))


def synchronize(directory: Path) -> None:
    """All of its file system is on disk. Raises OSError for what could not be written."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)
