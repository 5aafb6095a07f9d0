"""A file of the person's own, handed to a service, which cannot read homes.

The service keeps what it was given, so this is done once for each change of the file. Nothing here
ever stops what the person wanted to do.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aios.client import place
from aios.client.varlink import UNAVAILABLE, ClientError
from aios.text import visible

MAX_BYTES = 64 * 1024
SECONDS = 10.0


@dataclass(frozen=True)
class Handed:
    name: str
    """Of our note of what the service was told last."""
    what: str
    """For a person."""
    file: Path
    kept: Path
    """The service's directory. Another one there is another installation, which knows nothing."""
    read: Callable[[str], str]
    """What of the file's text is the service's business."""
    tell: Callable[[str], None]
    """"" where there is no file. Raises ClientError."""

    def over(self) -> None:
        """Tells the service about the file if it has changed since it was last told."""
        if place.in_machine():
            return
        try:
            file, status = self._look()
            mark, before = self._mark(status), self._told()
            if mark == before or (status is None and not before):
                return
            self.tell("" if status is None else self.read(_text(file)))
        except (OSError, RuntimeError) as error:
            self._warn(f"{self.file}: {error}")
        except UnicodeDecodeError:
            self._warn(f"{self.file}:1: no UTF-8 text")
        except ClientError as error:
            # Where the service cannot be reached, what follows says so.
            if error.name != UNAVAILABLE:
                self._warn(error.message)
        else:
            self._note(mark)

    def _look(self) -> tuple[Path, os.stat_result | None]:
        """None where there is no file, or it is somebody else's: sudo keeps HOME."""
        file = self.file.expanduser()
        try:
            status = file.stat()
        except FileNotFoundError:
            return file, None
        ours = status.st_uid == os.getuid() and stat.S_ISREG(status.st_mode)
        return file, status if ours else None

    def _mark(self, status: os.stat_result | None) -> str:
        about = [] if status is None else [status.st_ino, status.st_mtime_ns, status.st_size]
        with contextlib.suppress(OSError):
            about.append(self.kept.stat().st_ino)
        return " ".join(str(each) for each in about) + "\n"

    @property
    def _state(self) -> Path:
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(state).expanduser() / "aios" / self.name

    def _told(self) -> str:
        try:
            return self._state.read_text()
        except (OSError, RuntimeError, UnicodeDecodeError):
            return ""

    def _note(self, mark: str) -> None:
        """Where that cannot be kept, the service is told again every time."""
        with contextlib.suppress(OSError, RuntimeError):
            file = self._state
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = file.with_name(f"{self.name}.{os.getpid()}")
            new.write_text(mark)
            new.replace(file)

    def _warn(self, why: str) -> None:
        print(f"aios: {self.what} are not taken: {visible(why)}", file=sys.stderr)


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1).decode()
