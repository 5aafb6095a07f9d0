"""A job of an exec service, from the client's side: started or attached to, waited for, stopped."""

from __future__ import annotations

import select

from aios.client import place
from aios.client.lean import signals
from aios.client.streams import Screen, Stream
from aios.client.varlink import ClientError, Connection, Disconnected, Reply, close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from aios.client.wakeup import Pokes

JOB = f"{place.EXEC}.Job"
TIMED_OUT = 124
MAX_RECONNECTIONS = 10
"""In a row; an exec that goes away more often is not coming back."""
ASIDE_SECONDS = 10.0
STOPPING = (signals.SIGINT, signals.SIGTERM, signals.SIGHUP, signals.SIGQUIT)


class End:
    def __init__(self, exit_status: int, details: Mapping[str, Any]) -> None:
        self.exit_status = exit_status
        self.details = details

    @property
    def status(self) -> int:
        """The exit status that we end with."""
        return TIMED_OUT if self.details.get("ended") == "timeout" else self.exit_status


class Ends:
    """Our ends of a job's streams. On a terminal all three are that."""

    def __init__(self, stdin: int, stdout: int, stderr: int) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr

    def __iter__(self) -> Iterator[int]:
        return iter((self.stdin, self.stdout, self.stderr))


class Left(Exception):
    """A second signal: we go without waiting for the end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


def ends(reply: Reply) -> Ends:
    """Raises ClientError where the answer has no streams."""
    try:
        places = [reply.parameters[name] for name in ("stdin", "stdout", "stderr")]
        if sorted(places) != [0, 1, 2] or len(reply.descriptors) != len(places):
            raise ValueError
    except (KeyError, TypeError, ValueError) as error:
        close_all(reply.descriptors)
        raise ClientError(
            "org.aios.Error.Internal", "exec gave a job without its streams"
        ) from error
    return Ends(*(reply.descriptors[place] for place in places))


class Job:
    """`call`: the connection that the job was asked for on. It lives no longer than that, unless it
    is a detached one; with an exec that was killed it needs somebody who waits for it."""

    def __init__(self, path: str, job_id: str, call: Connection) -> None:
        self.id = job_id
        self._path = path
        self._call = call
        self._asides: dict[str, Connection] = {}
        self._reconnections = 0

    def close(self) -> None:
        for connection in [self._call, *self._asides.values()]:
            connection.close()

    def ask(self) -> None:
        """For its end."""
        try:
            self._call.send(f"{JOB}.Wait", {"object": self.id})
        except Disconnected:
            self._reconnect()

    def _reconnect(self) -> None:
        self._reconnections += 1
        if self._reconnections > MAX_RECONNECTIONS:
            raise Disconnected(self._path)
        self._call.close()
        self._call = Connection(self._path)
        self.ask()

    def fileno(self) -> int:
        return self._call.fileno()

    def end(self) -> End | None:
        """When `fileno` is readable: its end, if that is it."""
        try:
            for reply in self._call.pull():
                answer = reply.parameters
                return End(int(answer["exit_status"]), answer.get("details") or {})
        except Disconnected:
            self._reconnect()
        return None

    def _aside(self, method: str, **parameters: Any) -> None:
        """Does not wait for the answer: it may come late, and the end is told in any case."""
        if before := self._asides.pop(method, None):
            before.close()
        # Killed just now: whoever waits for the end is told what there is to tell.
        try:
            connection = Connection(self._path, timeout=ASIDE_SECONDS)
            self._asides[method] = connection
            connection.send(f"{JOB}.{method}", {"object": self.id, **parameters})
        except ClientError:
            pass

    def cancel(self) -> None:
        self._aside("Cancel")

    def resize(self, rows: int, columns: int) -> None:
        self._aside("Resize", rows=rows, columns=columns)


def follow(
    job: Job,
    streams: Sequence[Stream],
    wakeup: Pokes,
    *,
    resized: Callable[[], None] = lambda: None,
    stops: bool = True,
) -> End:
    """Until the job has ended, and everything that it printed is out; then it raises what exec
    could not say about the end. `streams`, which run, poke `wakeup`. The first signal cancels the
    job (where it `stops` it), the second raises Left."""
    end: End | ClientError | None = None
    stopped = 0
    job.ask()
    while end is None or not all(stream.over for stream in streams):
        watched = [wakeup.fileno()] if end is not None else [wakeup.fileno(), job.fileno()]
        ready = select.select(watched, [], [])[0]
        if wakeup.fileno() in ready:
            for number in wakeup.read():
                if number == signals.SIGWINCH:
                    resized()
                elif stopped or not stops:
                    raise Left(number)
                else:
                    stopped = number
                    job.cancel()
        if end is None and job.fileno() in ready and (end := _end(job)) is not None:
            for stream in streams:
                if isinstance(stream, Screen):
                    stream.ended.set()
    if stopped not in (0, signals.SIGINT):
        raise Left(stopped)
    if isinstance(end, ClientError):
        raise end
    return end


def _end(job: Job) -> End | ClientError | None:
    """An exec that nobody reaches any more is no end: nobody would close the streams."""
    try:
        return job.end()
    except Disconnected:
        raise
    except ClientError as error:
        return error
