"""Which units were refused a process for having as many as they may (TasksMax=).

The kernel's log alone says so: systemd does not report it, and has removed the cgroup with its
counter (pids.events) when it says that the command has ended. The line comes once for each cgroup,
before the refused call returns.
"""

import errno
import os
import re
from collections import deque
from pathlib import Path

PATH = Path("/dev/kmsg")
READ_SIZE = 8192
"""More than any one record."""
KEPT = 256
# Facility 0 is the kernel's own: what programs write there cannot have it. Two processors at once
# may break the line before its path.
_REFUSED = re.compile(rb"[0-7],[^;]*;.*/(run-aios-\w+\.service)\b")


class KernelLog:
    """From now on. Empty where there is none to read, as in a container: nor is there such a
    controller."""

    def __init__(self, path: Path = PATH) -> None:
        self._refused: deque[str] = deque(maxlen=KEPT)
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self._file, 0, os.SEEK_END)
        except OSError:
            self.close()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def refused(self, unit: str) -> bool:
        """Whether it was, up to now."""
        while record := self._read():
            if found := _REFUSED.match(record):
                self._refused.append(found[1].decode())
        return unit in self._refused

    def _read(self) -> bytes:
        """The next record; empty: there is none."""
        while self._file is not None:
            try:
                return os.read(self._file, READ_SIZE)
            except OSError as error:
                if error.errno == errno.EPIPE:
                    continue  # the oldest have been overwritten: on with what is left
                return b""
        return b""
