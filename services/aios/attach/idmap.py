"""Whether a directory can be bound with other owners (mount_setattr(2), MOUNT_ATTR_IDMAP): that is
for its file system to say, and nspawn does not start a machine where it says no.
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

# The same numbers on every architecture since 5.2 and 5.12.
_OPEN_TREE = 428
_MOUNT_SETATTR = 442
_OPEN_TREE_CLONE = 1
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_MOUNT_ATTR_IDMAP = 0x100000
_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


def error(directory: Path) -> int:
    """0, or the errno with which the kernel refuses. Tried on a mount that nobody sees."""
    try:
        tree = _checked(
            _libc.syscall(
                _OPEN_TREE, _AT_FDCWD, os.fsencode(directory), _OPEN_TREE_CLONE | os.O_CLOEXEC
            )
        )
        try:
            with _user_namespace() as userns:
                wanted = _Attributes(set=_MOUNT_ATTR_IDMAP, userns=userns)
                _checked(
                    _libc.syscall(
                        _MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(wanted),
                        ctypes.c_size_t(ctypes.sizeof(wanted)),
                    )
                )  # fmt: skip
        finally:
            os.close(tree)
    except OSError as refused:
        return refused.errno or 1
    return 0


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


@contextlib.contextmanager
def _user_namespace() -> Iterator[int]:
    """A descriptor of one, with a map; it lives as long as a child of ours."""
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(OSError):
            _checked(_libc.unshare(_CLONE_NEWUSER))
            os.write(told, b"x")
            signal.pause()
        os._exit(1)
    os.close(told)
    try:
        if not os.read(ready, 1):
            raise OSError(1, "no user namespace")
        for kind in ("uid", "gid"):
            Path(f"/proc/{child}/{kind}_map").write_text("0 524288 65536\n")
        userns = os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield userns
        finally:
            os.close(userns)
    finally:
        os.close(ready)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
