"""One command on several machines at once: every line says where it is from, and at the end there
is a line for each machine. Nothing of ours is read."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from aios.client import governed, place, streams
from aios.client.approval import AskedElsewhere, AskedHere, Request, asked
from aios.client.job import STOPPING, End, Job, Left, ends, follow
from aios.client.streams import Stream, write_all
from aios.client.terminal import Terminal, harmless, seconds
from aios.client.varlink import FAILED, ClientError, Connection, Disconnected
from aios.client.wakeup import Pokes, Wakeup
from aios.text import print_json, visible

MAX_LINE = 64 * 1024
_READ = 64 * 1024
_COLOURS = ("cyan", "green", "yellow", "bold")


class Page:
    """Our two outputs, on which one at a time writes, or asks."""

    def __init__(self, terminal: Terminal, names: Sequence[str]) -> None:
        self.terminal = terminal
        self.turn = threading.Lock()
        width = max(map(len, names))
        self._labels = {
            name: (f"{name:<{width}} | ", _COLOURS[place % len(_COLOURS)])
            for place, name in enumerate(names)
        }

    def line(self, name: str, line: bytes, *, error: bool) -> None:
        """`line` without its newline. On a terminal it is escaped, elsewhere as it came."""
        label, colour = self._labels[name]
        stream = sys.stderr if error else sys.stdout
        if stream.isatty():
            label = self.terminal.styled(label, colour, on=stream)
            line = harmless(line.decode(errors="replace").rstrip("\r")).encode()
        with self.turn:
            stream.flush()
            write_all(stream.fileno(), label.encode() + line + b"\n")

    def summary(self, name: str, text: str, *, bad: bool) -> None:
        with self.turn:
            mark, style = ("✗", "red") if bad else ("✓", "green")
            self.terminal.note(f"{self._labels[name][0]}{mark} {text}", style)


class Lines:
    """One stream of one machine, as a Stream moves it."""

    def __init__(self, show: Callable[[bytes], None]) -> None:
        self._show = show
        self._rest = b""

    def move(self, source: int, _target: int) -> int:
        data = os.read(source, _READ)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._show(line)
        if self._rest and (not data or len(self._rest) > MAX_LINE):
            self._show(self._rest)
            self._rest = b""
        return len(data)


class AskedInTurn(AskedHere):
    """One card at a time, whichever machine it is about, and nothing is printed into it."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.terminal)
        self._turn = page.turn
        self._ours = False

    def _present(self, request: Request) -> None:
        if not self._ours:
            self._turn.acquire()
            self._ours = True
        super()._present(request)

    def _shut(self) -> None:
        super()._shut()
        if self._ours:
            self._ours = False
            self._turn.release()


class Run(threading.Thread):
    """The command on one machine."""

    def __init__(
        self, name: str, page: Page, parameters: Mapping[str, Any], wait: float | None, mode: str
    ) -> None:
        super().__init__(daemon=True)
        self.machine = name
        self.done: Callable[[], None] = lambda: None
        self.over = False
        self.end: End | None = None
        self.error: ClientError | None = None
        self.job_id = ""
        self._answer: Mapping[str, Any] = {}
        self._page = page
        self._mode = mode
        self._wait = wait
        self._session = f"exec-{os.urandom(8).hex()}"
        options = {"session": self._session, **parameters["options"]}
        self._parameters = {**parameters, "options": options}
        self._pokes = Pokes()
        self._call: Connection | None = None
        self._streaming = False

    def interrupt(self, number: int) -> None:
        if self._streaming:
            self._pokes.poke(number)
        elif self._call is not None:
            self._call.hang_up()

    def run(self) -> None:
        try:
            self._run()
        except Left as left:
            self.end = End(left.status, {"ended": "cancelled"})
        except ClientError as error:
            self.error = error
        except Exception as error:
            self.error = ClientError("org.aios.Error.Internal", f"{type(error).__name__}: {error}")
        finally:
            self.over = True
            self.done()

    def _asked(self) -> AskedElsewhere | AskedInTurn:
        found = asked(self._page.terminal, self._wait)
        return found if isinstance(found, AskedElsewhere) else AskedInTurn(self._page)

    def _run(self) -> None:
        path = place.exec_socket(self.machine)
        method = "Run" if self._mode == "json" else "Start"
        with Connection(path) as self._call:
            session = str(self._parameters["options"]["session"])
            with governed.Delegation(session, self.machine) as delegation:
                self._call.send(f"{place.EXEC}.{method}", self._parameters)
                reply = governed.follow(self._call, delegation, self._asked(), lambda event: None)
            if self._mode == "json":
                self._answer = reply.parameters
                self.end = End(int(self._answer["exit_status"]), self._answer["details"])
                return
            self.job_id = str(reply.parameters["job"])
            self._stream(path, reply)

    def _stream(self, path: str, reply: Any) -> None:
        assert self._call is not None  # noqa: S101 - it was asked on
        job, job_ends = Job(path, self.job_id, self._call), ends(reply)
        os.close(job_ends.stdin)
        if self._mode == "detach":
            os.close(job_ends.stdout)
            os.close(job_ends.stderr)
            self._page.line(self.machine, self.job_id.encode(), error=False)
            self.end = End(0, {})
            return
        outputs = []
        for fd, error in ((job_ends.stdout, False), (job_ends.stderr, True)):
            lines = Lines(partial(self._page.line, self.machine, error=error))
            stream = Stream(fd, fd, own=fd, move=lines.move)
            stream.done = self._pokes.poke
            outputs.append(stream)
        streams.start(outputs)
        self._streaming = True
        try:
            self.end = follow(job, outputs, self._pokes)
        finally:
            job.close()

    @property
    def status(self) -> int:
        if self.error is not None:
            return self.error.status
        return self.end.status if self.end is not None else FAILED

    def as_json(self) -> dict[str, Any]:
        if self.error is not None:
            told = {"error": self.error.name, "message": self.error.message}
            return {"machine": self.machine, **told}
        return {"machine": self.machine, **self._answer}

    def summarize(self) -> None:
        if self.error is not None:
            gone = isinstance(self.error, Disconnected)
            hint = " (aios log shows what became of it)" if gone else ""
            self._page.summary(self.machine, f"{visible(self.error.message)}{hint}", bad=True)
        elif self.end is not None:
            ended = str(self.end.details.get("ended", "exit"))
            parts = [] if ended == "exit" else [ended]
            parts += [f"exit {self.status}"] if self.status else []
            if "duration_usec" in self.end.details:
                parts.append(seconds(self.end.details["duration_usec"]))
            self._page.summary(self.machine, ", ".join(parts) or "done", bad=bool(self.status))


def run(
    names: Sequence[str], command: str, options: Mapping[str, Any], *, wait: float | None, mode: str
) -> int:
    """The worst of their exit statuses. mode: "json" (an object each), "detach", or ""."""
    page = Page(Terminal(), names)
    runs = [Run(name, page, {"command": command, "options": options}, wait, mode) for name in names]
    with Wakeup(STOPPING) as wakeup:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        for each in runs:
            each.done = wakeup.poke
            each.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        stopped = 0
        while not all(each.over for each in runs):
            select.select([wakeup], [], [])
            for number in wakeup.read():
                for each in runs:
                    each.interrupt(number)
                stopped = number
    for each in runs:
        if mode == "json":
            print_json(each.as_json())
        elif mode != "detach" or each.error is not None:
            each.summarize()
    return 128 + stopped if stopped else max(each.status for each in runs)
