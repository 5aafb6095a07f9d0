"""The lock that systemd-nspawn, machined and importd take on an image while they use it."""

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from aios.errors import Busy

_WHOLE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


@contextlib.contextmanager
def exclusive(tree: Path) -> Iterator[None]:
    """Nobody else starts, copies or removes it meanwhile. Raises Busy."""
    path = tree.with_name(f".#{tree.name}.lck")
    descriptor = _locked(path)
    try:
        yield
        # As they do: the file is the holder's to remove.
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE)
        except (BlockingIOError, PermissionError) as error:
            os.close(descriptor)
            name = path.name.removeprefix(".#").removesuffix(".lck")
            raise Busy(f"{name} is in use", hint=f"aios machine stop {name}") from error
        if os.fstat(descriptor).st_nlink:
            return descriptor
        # The holder before us has removed it: there is another by now, or none.
        os.close(descriptor)
