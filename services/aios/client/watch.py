"""Requests for approval as they come, of everybody whose requests the person may see."""

import select
from collections.abc import Mapping
from typing import Any

from aios.client import place
from aios.client.approval import AskedHere
from aios.client.terminal import Terminal, read_key
from aios.client.varlink import Connection, Disconnected
from aios.text import print_json, visible

MAX_RECONNECTIONS = 3
"""Without an event in between; policy that goes away more often is not coming back."""
LEAVE = frozenset({"q", "", "\x04"})
OUTCOME = "resolved"

Event = Mapping[str, Any]


class Stream:
    """The events, over as many connections as it takes: policy may be killed, its requests are
    files. Each connection begins with {"pending": n} and the n requests that wait."""

    def __init__(self) -> None:
        self._lost = 0
        self._connect()

    def _connect(self) -> None:
        self._connection = Connection(place.socket_path("policy"))
        self._connection.send(f"{place.POLICY}.WatchApprovals", {}, more=True)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def fileno(self) -> int:
        return self._connection.fileno()

    def read(self) -> list[Event]:
        """What has come; blocks unless there is something."""
        try:
            replies = self._connection.pull()
        except Disconnected:
            self._connection.close()
            self._lost += 1
            if self._lost > MAX_RECONNECTIONS:
                raise
            self._connect()
            return []
        if any(not reply.continues for reply in replies):
            raise Disconnected(self._connection.path)
        if replies:
            self._lost = 0
        return [reply.parameters for reply in replies]


def pending() -> list[dict[str, Any]]:
    """The requests that wait, with all that an approval of them binds."""
    with Stream() as stream:
        found: list[dict[str, Any]] = []
        left = -1
        while left:
            for event in stream.read():
                if "pending" in event:
                    found, left = [], int(event["pending"])
                elif left > 0 and "request" in event:
                    found.append(event["request"])
                    left -= 1
        return found


class _Watching(AskedHere):
    """Keys that leave here say nothing about the request: somebody else may still answer it."""

    no = frozenset({"n"})

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._listing: set[str] | None = None
        self._left = 0

    def event(self, event: Event) -> None:
        if "pending" in event:
            self._listing, self._left = set(), int(event["pending"])
        elif "request" in event:
            if self._left and self._listing is not None:
                self._listing.add(str(event["request"]["id"]))
                self._left -= 1
            self.add(event["request"])
        elif OUTCOME in event:
            self.resolved(event[OUTCOME])
        if self._listing is not None and not self._left:
            # After policy went away: what is not listed has ended meanwhile.
            for gone in [i for i in self._waiting if i not in self._listing]:
                self.resolved({"id": gone, "outcome": "no longer waits"})
            self._listing = None

    def _key(self, fd: int) -> str:
        key = read_key(fd).lower()
        if key in LEAVE:
            raise EOFError
        return key


def ask(terminal: Terminal) -> int:
    """Each as a card, answered by a key, until `q` or Ctrl-C."""
    asked = _Watching(terminal)
    terminal.note("Waiting for requests; Ctrl-C leaves.")
    try:
        with Stream() as stream:
            while True:
                keys = asked.descriptors()
                ready = select.select([stream.fileno(), *keys], [], [])[0]
                if stream.fileno() in ready:
                    for event in stream.read():
                        asked.event(event)
                elif ready:
                    asked.readable()
    except (EOFError, KeyboardInterrupt):
        terminal.fresh_line()
        return 0
    finally:
        asked.close()


def lines(terminal: Terminal, *, as_json: bool) -> int:
    """One line each, for whoever reads on."""
    shown: set[str] = set()
    with Stream() as stream:
        while True:
            for event in stream.read():
                request = event.get("request")
                if "pending" in event or (request and request["id"] in shown):
                    continue
                if request:
                    shown.add(str(request["id"]))
                elif OUTCOME in event:
                    shown.discard(str(event[OUTCOME]["id"]))
                if as_json:
                    print_json(event, flush=True)
                elif request:
                    terminal.line(
                        f"{request['id']}  {visible(request['command'])}  (in"
                        f" {request['machine']}, for"
                        f" {request['user']}, by {request['rule']})"
                    )
                else:
                    terminal.line(f"{event[OUTCOME]['id']}  {event[OUTCOME]['outcome']}")
