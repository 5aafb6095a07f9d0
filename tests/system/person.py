"""A person at a terminal."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import uuid
from collections.abc import Sequence
from types import TracebackType

from sandbox import Sandbox

PROMPT = r"\[aios\] > "
QUESTION = r"run it\? \[y\] yes, once  \[n\] no "
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
BEGUN = re.compile(r"\x1b(\[[0-9;?]*)?$")
"""A control sequence of which the rest is still to come."""


class Person:
    """Types on a terminal of their own, on which a command runs in the sandbox; reads it."""

    def __init__(
        self, sandbox: Sandbox, argv: Sequence[str], *, user: str = "me", login: bool = True
    ) -> None:
        """Without login they are root, and may do what a unit of the sandbox may not."""
        # As aios-install.sh does: a login, on a terminal of its own inside, so that Ctrl-C is typed
        # there and not a signal to nsenter here.
        self._sandbox = sandbox
        self._unit = f"person-{uuid.uuid4().hex}.service" if login else ""
        inside = ["systemd-run", "--quiet", "--collect", "--wait", "--pty", f"--uid={user}",
                  f"--unit={self._unit}", "--property=PAMName=login",
                  "--property=WorkingDirectory=~", "--setenv=TERM=xterm", "--setenv=LANG=C.UTF-8",
                  "--", *argv]  # fmt: skip
        command = sandbox._command(inside if login else argv, user="root", machine="")
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execvp(command[0], command)
        self.raw = ""
        """Everything written so far."""
        self.screen = ""
        """The same without what only moves the cursor or colours."""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = ""
        self._seen = 0
        self._status: int | None = None

    def __enter__(self) -> "Person":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.screen)
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            if self._unit:
                # Nothing of theirs goes on beside the next test.
                self._sandbox.run(["systemctl", "stop", self._unit], check=False)
        os.close(self._terminal)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def paste(self, text: str) -> None:
        """As a terminal marks what is pasted."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, rows: int, columns: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    def say(self, line: str) -> None:
        self.type(line + "\r")

    def _read(self, deadline: float) -> bool:
        """Reads once; False when the terminal is closed."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._terminal], [], [], left)[0]:
            raise TimeoutError("nothing more came")
        try:
            data = os.read(self._terminal, 65536)
        except OSError:
            return False  # EIO: nobody holds the other end
        # It comes in pieces: of a character, and of a control sequence.
        text = self._decoder.decode(data)
        self.raw += text
        whole = BEGUN.sub("", self._begun + text)
        self._begun = (self._begun + text)[len(whole) :]
        self.screen += CONTROL.sub("", whole)
        return bool(data)

    def sees(self, pattern: str, timeout: float = 60) -> str:
        """Waits for it behind what was seen last; what came until then, with it."""
        deadline = time.monotonic() + timeout
        while (found := re.search(pattern, self.screen[self._seen :])) is None:
            if not self._read(deadline):
                raise EOFError(f"the terminal closed before {pattern!r}")
        text = self.screen[self._seen : self._seen + found.end()]
        self._seen += found.end()
        return text

    def leaves(self, timeout: float = 60) -> int:
        """Waits for the end; the exit status."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        _, status = os.waitpid(self._pid, 0)
        self._status = os.waitstatus_to_exitcode(status)
        return self._status


def when_hidden(sandbox: Sandbox) -> None:
    """Returns when polkit's agent, which has asked, does not show what is typed. What came before
    it drops."""
    sandbox.sh(
        "tty=$(readlink /proc/$(pgrep -x pkttyagent)/fd/0);"
        " timeout 30 sh -c 'until stty -F $0 -a | grep -q -- \" -echo \"; do :; done' $tty"
    )
