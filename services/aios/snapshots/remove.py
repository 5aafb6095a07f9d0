"""Trees removed, whatever is in them: read-only and inner subvolumes, immutable files, thousands of
directories in one another."""

import fcntl
import os
import shutil
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from aios.errors import Unavailable
from aios.snapshots import btrfs
from aios.snapshots.walk import require_unmounted

_GETFLAGS = 0x80086601
_SETFLAGS = 0x40086602
_HELD = 0x30
"""Immutable, append-only."""


def remove(path: Path) -> None:
    """Nothing if it is not there. Raises OSError, Unavailable."""
    if not path.is_symlink() and btrfs.is_subvolume(path):
        btrfs.remove(path)
    elif path.is_dir() and not path.is_symlink():
        _directory(path)
    else:
        path.unlink(missing_ok=True)


def working(path: Path) -> None:
    """A directory of the store's, the tree in it first."""
    remove(path / "tree")
    if path.exists():
        shutil.rmtree(path)


def _directory(path: Path) -> None:
    # Not --one-file-system, to which each subvolume is another.
    require_unmounted(path)
    # rm knows any depth, where Python's own recursion ends; neither follows links.
    command = ["rm", "-rf", "--", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return
    _release(path)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Unavailable(f"{path} cannot be removed: {said[0] if said else done.returncode}")


def _release(path: Path) -> None:
    """What a machine without private users, or an administrator, has made immutable; and
    subvolumes that were sealed."""
    for directory, _, names, descriptor in os.fwalk(path):
        with suppress(OSError):
            if btrfs.is_subvolume(Path(directory)):
                btrfs.seal(Path(directory), read_only=False)
        _clear(descriptor)
        for name in names:
            with suppress(OSError):
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                file = os.open(name, flags, dir_fd=descriptor)
                try:
                    _clear(file)
                finally:
                    os.close(file)


def _clear(descriptor: int) -> None:
    with suppress(OSError):
        answer = bytearray(8)
        fcntl.ioctl(descriptor, _GETFLAGS, answer)
        flags = struct.unpack_from("=I", answer)[0]
        if flags & _HELD:
            fcntl.ioctl(descriptor, _SETFLAGS, bytearray(struct.pack("=II", flags & ~_HELD, 0)))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        remove(Path(argument))
