"""A file of the person's own, handed to a service, which cannot read homes.

The service keeps what it was given, so this is done once for each change of the file. Nothing here
ever stops what the person wanted to do.
"""

# ruff: noqa: SIM105, PTH100, PTH103, PTH105, PTH111, PTH112, PTH116, PTH118, PTH120, PTH123 - those imports take longer than a command

from __future__ import annotations

import os
import stat
import sys

from aios.client import place
from aios.client.varlink import UNAVAILABLE, ClientError
from aios.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 64 * 1024
SECONDS = 10.0


class Handed:
    """name: of our note of what the service was told last. what: for a person. file: from ~ on.
    kept: the service's directory; another one there is another installation, which knows nothing.
    read: what of the file's text is the service's business. tell: gets "" where there is no file,
    and raises ClientError. (No pathlib: this comes before every command.)"""

    def __init__(
        self,
        name: str,
        what: str,
        file: str,
        kept: str,
        read: Callable[[str], str],
        tell: Callable[[str], None],
    ) -> None:
        self.name = name
        self.what = what
        self.file = file
        self.kept = kept
        self.read = read
        self.tell = tell

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
        except OSError as error:
            self._warn(f"{self.file}: {error}")
        except UnicodeDecodeError:
            self._warn(f"{self.file}:1: no UTF-8 text")
        except ClientError as error:
            # Where the service cannot be reached, what follows says so.
            if error.name != UNAVAILABLE:
                self._warn(error.message)
        else:
            self._note(mark)

    def _look(self) -> tuple[str, os.stat_result | None]:
        """None where there is no file, or it is somebody else's: sudo keeps HOME."""
        file = os.path.expanduser(self.file)
        try:
            status = os.stat(file)
        except FileNotFoundError:
            return file, None
        ours = status.st_uid == os.getuid() and stat.S_ISREG(status.st_mode)
        return file, status if ours else None

    def _mark(self, status: os.stat_result | None) -> str:
        about = [] if status is None else [status.st_ino, status.st_mtime_ns, status.st_size]
        try:
            about.append(os.stat(self.kept).st_ino)
        except OSError:
            pass
        return " ".join(str(each) for each in about) + "\n"

    @property
    def _state(self) -> str:
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return os.path.join(os.path.expanduser(state), "aios", self.name)

    def _told(self) -> str:
        try:
            with open(self._state) as note:
                return note.read()
        except (OSError, UnicodeDecodeError):
            return ""

    def _note(self, mark: str) -> None:
        """Where that cannot be kept, the service is told again every time."""
        file = self._state
        new = f"{file}.{os.getpid()}"
        try:
            if not may_keep(os.path.dirname(file)):
                return
            os.makedirs(os.path.dirname(file), exist_ok=True, mode=0o700)
            with open(new, "w") as note:
                note.write(mark)
            os.replace(new, file)
        except OSError:
            pass

    def _warn(self, why: str) -> None:
        print(f"aios: {self.what} are not taken: {visible(why)}", file=sys.stderr)


def may_keep(directory: str) -> bool:
    """Whether root may write there: not in somebody else's home, which HOME names where sudo keeps
    it, and where they may have laid a link in the way."""
    if os.getuid():
        return True
    directory = os.path.abspath(directory)
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return os.stat(directory).st_uid == 0


def _text(file: str) -> str:
    with open(file, "rb") as opened:
        return opened.read(MAX_BYTES + 1).decode()
