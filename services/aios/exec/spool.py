"""What a command printed on one stream, in a file: moved there by splice and so never lost, nor
there twice, however exec dies. Its size is all there was; of a long one the middle is a hole.

The file is sparse, not synchronised, and gone with its job.
"""

import ctypes
import os
from pathlib import Path

from aios.exec.output import Text, joined

CHUNK = 1024 * 1024
PAGE = 4096
KEEP_SIZE, PUNCH_HOLE = 1, 2


class Spool:
    """Keeps `limit` bytes, the first half and the last, and up to a CHUNK more in between."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.keep = limit // 2
        self._punched = -(-self.keep // PAGE) * PAGE
        """Where the hole ends."""
        self._descriptor = -1
        self.total = 0
        """Bytes that came."""

    def resume(self) -> None:
        """Goes on with what an exec before this one began, if it did."""
        if self.path.exists():
            self.open()

    @property
    def begun(self) -> bool:
        return self._descriptor >= 0

    def open(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.total = os.fstat(self._descriptor).st_size
        if self.total > self._punched:
            self._punched = os.lseek(self._descriptor, self._punched, os.SEEK_DATA)

    def take(self, pipe: int) -> int:
        """Moves what is in the pipe; the number of bytes, 0 when its last writer is gone. Raises
        BlockingIOError, or OSError when the disk is full."""
        if not self.begun:
            self.open()
        moved = os.splice(
            pipe, self._descriptor, CHUNK, offset_dst=self.total, flags=os.SPLICE_F_NONBLOCK
        )
        self.total += moved
        if self.total - self.keep >= self._punched + CHUNK:
            self._punch()
        return moved

    def add(self, data: bytes) -> None:
        """The same for what comes from no pipe."""
        if not self.begun:
            self.open()
        os.pwrite(self._descriptor, data, self.total)
        self.total += len(data)
        if self.total - self.keep >= self._punched + CHUNK:
            self._punch()

    def _punch(self) -> None:
        end = (self.total - self.keep) // PAGE * PAGE
        # Python has no fallocate(2) with flags.
        libc = ctypes.CDLL(None, use_errno=True)
        offset, length = ctypes.c_long(self._punched), ctypes.c_long(end - self._punched)
        if libc.fallocate(self._descriptor, PUNCH_HOLE | KEEP_SIZE, offset, length):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(self.path))
        self._punched = end

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset) if self.begun else b""

    def gap(self, offset: int) -> int:
        """Bytes from there on that have been left out."""
        return self._punched - offset if self.keep <= offset < self._punched else 0

    def text(self, rest: bytes = b"") -> Text:
        """`rest`: what never came here, after what did."""
        total = self.total + len(rest)
        if total <= 2 * self.keep:
            return joined(self.read(0, self.total) + rest, b"", total)
        head = (self.read(0, self.keep) + rest)[: self.keep]
        tail = (self.read(max(self.total - self.keep, 0), self.keep) + rest)[-self.keep :]
        return joined(head, tail if self.keep else b"", total)

    def close(self) -> None:
        if self.begun:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        if self.begun:
            self.close()
            self.path.unlink(missing_ok=True)
