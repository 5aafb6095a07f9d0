"""Subvolumes of btrfs, by its ioctls: made, copied, sealed and removed with those in them.

A machine makes subvolumes in its own (systemd-tmpfiles does: /var/lib/machines), and a copy of the
outer one has empty directories in their places.
"""

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_FIRST_INODE = 256
"""The inode number of each subvolume's own directory."""
_FS_INFO = 0x8400941F
_SNAP_DESTROY = 0x5000940F
_INO_LOOKUP = 0xD0009412
_SNAP_CREATE_V2 = 0x50009417
_SUBVOL_CREATE_V2 = 0x50009418
_SUBVOL_GETFLAGS = 0x80089419
_SUBVOL_SETFLAGS = 0x4008941A
_GET_SUBVOL_INFO = 0x81F8943C
_GET_SUBVOL_ROOTREF = 0xD000943D
_INO_LOOKUP_USER = 0xD000943E
_READ_ONLY = 2
_SIZE = 4096
_MANY = 255


def is_subvolume(path: Path) -> bool:
    try:
        with _opened(path) as descriptor:
            return os.fstat(descriptor).st_ino == _FIRST_INODE and bool(_tree(descriptor))
    except OSError:
        return False


def has(directory: Path) -> bool:
    """Whether a directory is on btrfs."""
    try:
        with _opened(directory) as descriptor:
            return bool(_tree(descriptor))
    except OSError:
        return False


def same(one: Path, other: Path) -> bool:
    """Whether two directories are on one btrfs, be it in different subvolumes."""
    if not has(one) or not has(other):
        return False
    with _opened(one) as first, _opened(other) as second:
        return _uuid(first) == _uuid(second)


def _uuid(descriptor: int) -> bytes:
    answer = bytearray(1024)
    fcntl.ioctl(descriptor, _FS_INFO, answer)
    return bytes(answer[16:32])


def tree(path: Path) -> int:
    """A subvolume's number, which no other on its file system ever has."""
    with _opened(path) as descriptor:
        return _tree(descriptor)


def _tree(descriptor: int) -> int:
    # A directory of btrfs; ENOTTY elsewhere.
    answer = bytearray(struct.pack("=QQ", 0, _FIRST_INODE).ljust(_SIZE, b"\0"))
    fcntl.ioctl(descriptor, _INO_LOOKUP, answer)
    return int(struct.unpack_from("=Q", answer)[0])


def create(path: Path) -> None:
    with _opened(path.parent) as parent:
        fcntl.ioctl(parent, _SUBVOL_CREATE_V2, _named(path.name))


def snapshot(source: Path, target: Path) -> None:
    """A writable copy, with the subvolumes in it. Each is of one moment, not all of the same."""
    with _opened(source) as descriptor:
        _snapshot(descriptor, target)
        for number, place in _children(descriptor):
            inner = source / place
            # The machine may have put a link in its place since.
            with _opened(inner) as found:
                if _tree(found) != number:
                    raise OSError(errno.ESTALE, "it changed while it was copied", str(inner))
            (target / place).rmdir()
            snapshot(inner, target / place)


def _snapshot(source: int, target: Path) -> None:
    with _opened(target.parent) as parent:
        fcntl.ioctl(parent, _SNAP_CREATE_V2, _named(target.name, source))


def remove(path: Path) -> None:
    """With those in it."""
    seal(path, read_only=False)
    with _opened(path) as descriptor:
        inner = [path / place for _, place in _children(descriptor)]
    for one in inner:
        remove(one)
    with _opened(path.parent) as parent:
        name = os.fsencode(path.name)
        fcntl.ioctl(parent, _SNAP_DESTROY, bytearray(struct.pack("=q4088s", 0, name)))


def seal(path: Path, *, read_only: bool = True) -> None:
    """Those in it too: none of them can be written to."""
    with _opened(path) as descriptor:
        flags = _READ_ONLY if read_only else 0
        fcntl.ioctl(descriptor, _SUBVOL_SETFLAGS, struct.pack("=Q", flags))
        inner = [path / place for _, place in _children(descriptor)]
    for one in inner:
        seal(one, read_only=read_only)


def states(path: Path) -> dict[str, int]:
    """The transaction that last changed each subvolume (where it is in `path` → number), -1 for one
    that can be written to."""
    told: dict[str, int] = {}
    _states(path, Path(), told)
    return told


def _states(root: Path, place: Path, told: dict[str, int]) -> None:
    with _opened(root / place) as descriptor:
        flags = bytearray(8)
        fcntl.ioctl(descriptor, _SUBVOL_GETFLAGS, flags)
        info = bytearray(504)
        fcntl.ioctl(descriptor, _GET_SUBVOL_INFO, info)
        sealed = struct.unpack("=Q", flags)[0] & _READ_ONLY
        # After treeid, name, parent_id, dirid, generation, flags and three uuids: ctransid.
        told[str(place)] = struct.unpack_from("=Q", info, 344)[0] if sealed else -1
        inner = [place / name for _, name in _children(descriptor)]
    for one in inner:
        _states(root, one, told)


def _children(descriptor: int) -> Iterator[tuple[int, str]]:
    """Number and place of each subvolume directly in this one."""
    least = 0
    while True:
        answer = bytearray(struct.pack("=Q", least).ljust(_SIZE, b"\0"))
        more = False
        try:
            fcntl.ioctl(descriptor, _GET_SUBVOL_ROOTREF, answer)
        except OSError as error:
            if error.errno != errno.EOVERFLOW:
                raise
            more = True
        count = _MANY if more else answer[8 + 16 * _MANY]
        for place in range(count):
            number, directory = struct.unpack_from("=QQ", answer, 8 + 16 * place)
            yield number, _place(descriptor, number, directory)
            least = number + 1
        if not more:
            return


def _place(descriptor: int, number: int, directory: int) -> str:
    answer = bytearray(struct.pack("=QQ", directory, number).ljust(_SIZE, b"\0"))
    fcntl.ioctl(descriptor, _INO_LOOKUP_USER, answer)
    name = bytes(answer[16:272]).split(b"\0", 1)[0]
    path = bytes(answer[272:]).split(b"\0", 1)[0]
    return os.fsdecode(path + name)


def _named(name: str, source: int = 0) -> bytearray:
    return bytearray(struct.pack("=qQQ32s4040s", source, 0, 0, b"", os.fsencode(name)))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
