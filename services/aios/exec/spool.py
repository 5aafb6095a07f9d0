"""What a command printed on one stream, in a file: moved there by splice and so never lost, nor
there twice, however exec dies. Its size is all there was; of a long one the middle is a hole.

The file is sparse, not synchronised, and gone with its job.
"""

import ctypes
import errno
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
        self._start = -(-self.keep // PAGE) * PAGE
        self._punched = self._start
        """Where the hole ends that begins at `_start`."""
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

    @property
    def _holed(self) -> bool:
        return self._punched > self._start

    def open(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.total = os.fstat(self._descriptor).st_size
        if self.total > self._punched:
            try:
                self._punched = os.lseek(self._descriptor, self._punched, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                self._punched = self.total  # nothing of it is kept: it ends with the hole

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

    def pass_on(self, offset: int, pipe: int, size: int) -> int:
        """Copies from there on into a pipe; the number of bytes, 0 when there is nothing more.
        Raises BlockingIOError, BrokenPipeError."""
        end = self.keep if self._holed and offset < self.keep else self.total
        if not self.begun or offset >= end:
            return 0
        flags = os.SPLICE_F_NONBLOCK
        return os.splice(
            self._descriptor, pipe, min(size, end - offset), offset_src=offset, flags=flags
        )

    def gap(self, offset: int) -> int:
        """Bytes from there on that have been left out."""
        return max(self._punched - offset, 0) if self._holed and offset >= self.keep else 0

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
