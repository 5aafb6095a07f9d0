"""A tree copied with all that there is to a file: owners, modes, times, extended attributes (ACLs,
capabilities), holes, several names of one file, devices, sockets, flags.

Not machined's clone, which in systemd 252 leaves out all extended attributes but user.*, and whose
copy has its name before it is complete; not cp, which reports no progress, hashes nothing and opens
by path what the machine may move meanwhile.
"""

import errno
import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aios.errors import Unavailable
from aios.snapshots import btrfs, manifest
from aios.snapshots.walk import Entry, walk

_CHUNK = 1 << 20
_FICLONE = 0x40049409
_GETFLAGS = 0x80086601
_SETFLAGS = 0x40086602
_FLAGS = 0x78
"""Immutable, append-only, no dump, no atime: what chattr can set on any file system."""
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY)
Step = Callable[[int], None]
"""Told the bytes that have been copied since it was told last; it may raise, to stop."""


def copy(source: Path, target: Path, list_: manifest.Writer, step: Step, *, shared: bool) -> None:
    """target: not there yet; on btrfs it becomes a subvolume. shared: with the blocks of the
    source, as reflinks; the contents are not read then. Raises OSError, Unavailable, and what
    `step` raises; what is there then is the caller's to remove."""
    _Copy(source, target, list_, step, shared=shared).run()


def shares(directory: Path) -> bool:
    """Whether files in a directory can share blocks."""
    flags = os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC
    descriptors: list[int] = []
    try:
        descriptors = [os.open(directory, flags, 0o600) for _ in range(2)]
        os.write(descriptors[0], bytes(4096))
        fcntl.ioctl(descriptors[1], _FICLONE, descriptors[0])
    except OSError:
        return False
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


class _Copy:
    def __init__(
        self, source: Path, target: Path, list_: manifest.Writer, step: Step, *, shared: bool
    ) -> None:
        self._source = source
        self._target = target
        self._list = list_
        self._lines = manifest.Lines()
        self._step = step
        self._shared = shared
        self._first: dict[tuple[int, int], str] = {}
        self._flagged: list[tuple[str, int]] = []
        """Files that get flags when all is there: an immutable one gets no further name."""
        self._stack: list[int] = []
        """Descriptors of the target's directories, from the root to where we are."""

    def run(self) -> None:
        if btrfs.has(self._target.parent):
            btrfs.create(self._target)
        else:
            self._target.mkdir(mode=0o700)
        try:
            for entry in walk(self._source):
                self._one(entry)
            for path, flags in self._flagged:
                _set_flags(self._target / path, flags)
        finally:
            for descriptor in self._stack:
                os.close(descriptor)

    def _one(self, entry: Entry) -> None:
        if entry.left:
            here = self._stack.pop()
            try:
                _describe(entry, f"/proc/self/fd/{here}", follow=True)
                self._note_flags(entry, entry.descriptor)
            finally:
                os.close(here)
            return
        digest = ""
        if entry.is_directory:
            self._stack.append(self._directory(entry))
        elif not self._again(entry):
            digest = self._file(entry)
        self._list.write(self._lines.line(entry, digest))
        self._step(0)

    def _directory(self, entry: Entry) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        if not self._stack:
            return os.open(self._target, flags)
        os.mkdir(entry.name, 0o700, dir_fd=self._stack[-1])
        return os.open(entry.name, flags, dir_fd=self._stack[-1])

    def _again(self, entry: Entry) -> bool:
        """Whether it is a further name of a file that is there already."""
        status = entry.status
        if status.st_nlink == 1:
            return False
        first = self._first.setdefault((status.st_dev, status.st_ino), entry.path)
        if first == entry.path:
            return False
        os.link(first, entry.name, src_dir_fd=self._stack[0], dst_dir_fd=self._stack[-1],
                follow_symlinks=False)  # fmt: skip
        return True

    def _file(self, entry: Entry) -> str:
        """Its digest, if it was read."""
        here, mode = self._stack[-1], entry.status.st_mode
        path = f"/proc/self/fd/{here}/{entry.name}"
        if stat.S_ISREG(mode):
            return self._regular(entry)
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(entry.name, dir_fd=entry.directory), entry.name, dir_fd=here)
        else:
            os.mknod(entry.name, stat.S_IFMT(mode) | 0o600, entry.status.st_rdev, dir_fd=here)
        _describe(entry, path)
        return ""

    def _regular(self, entry: Entry) -> str:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        source = os.open(entry.name, flags, dir_fd=entry.directory)
        try:
            if not os.path.samestat(os.fstat(source), entry.status):
                raise Unavailable(f"{self._source / entry.path} changed while it was copied")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            target = os.open(entry.name, flags, 0o600, dir_fd=self._stack[-1])
            try:
                digest = "" if self._share(source, target) else self._read(source, target)
                _describe(entry, f"/proc/self/fd/{target}", follow=True)
                self._note_flags(entry, source)
            finally:
                os.close(target)
        finally:
            os.close(source)
        return digest

    def _note_flags(self, entry: Entry, source: int) -> None:
        answer = bytearray(8)
        with suppress(OSError):
            fcntl.ioctl(source, _GETFLAGS, answer)
        if wanted := struct.unpack_from("=I", answer)[0] & _FLAGS:
            self._flagged.append((entry.path, wanted))

    def _share(self, source: int, target: int) -> bool:
        if not self._shared:
            return False
        try:
            fcntl.ioctl(target, _FICLONE, source)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            return False
        return True

    def _read(self, source: int, target: int) -> str:
        """Holes stay holes; they count as the zeros that they read as."""
        hashed, place, size = hashlib.sha256(), 0, os.fstat(source).st_size
        while place < size:
            try:
                start = os.lseek(source, place, os.SEEK_DATA)
                end = os.lseek(source, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                start = end = size
            _zeros(hashed, start - place)
            os.lseek(source, start, os.SEEK_SET)
            os.lseek(target, start, os.SEEK_SET)
            while start < end:
                data = os.read(source, min(_CHUNK, end - start))
                if not data:
                    raise Unavailable(f"{self._source}: a file became shorter while it was copied")
                hashed.update(data)
                view = memoryview(data)
                while view:
                    view = view[os.write(target, view) :]
                start += len(data)
                self._step(len(data))
            place = end
        os.ftruncate(target, size)
        return hashed.hexdigest()


def _zeros(hashed: "hashlib._Hash", count: int) -> None:
    block = bytes(min(count, _CHUNK))
    while count > 0:
        hashed.update(block[:count])
        count -= len(block)


def _describe(entry: Entry, path: str, *, follow: bool = False) -> None:
    """Owner first, which takes away mode bits and capabilities; times last. follow: the path is one
    of /proc to an open file."""
    status = entry.status
    os.chown(path, status.st_uid, status.st_gid, follow_symlinks=follow)
    if not stat.S_ISLNK(status.st_mode):
        Path(path).chmod(stat.S_IMODE(status.st_mode))
    for name, value in manifest.attributes(entry).items():
        os.setxattr(path, name, value, follow_symlinks=follow)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=follow)


def _set_flags(path: Path, wanted: int) -> None:
    """Where the file system and our rights allow it: they are no part of what was promised."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            answer = bytearray(8)
            fcntl.ioctl(file, _GETFLAGS, answer)
            flags = struct.unpack_from("=I", answer)[0] | wanted
            fcntl.ioctl(file, _SETFLAGS, bytearray(struct.pack("=II", flags, 0)))
        finally:
            os.close(file)
