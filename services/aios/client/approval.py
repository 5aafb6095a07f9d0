"""Requests for approval that come up while something is being answered, and the person who is
asked: on a terminal with a card, without one by a line that says how to approve elsewhere."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from aios.client import card, explain, place
from aios.client.terminal import Terminal, keys, read_key
from aios.client.typed import Lines
from aios.client.varlink import ERROR_PREFIX, NOT_APPROVED, ClientError
from aios.text import visible

Request = Mapping[str, Any]
WAIT_SECONDS = 60.0
"""How long a request waits for somebody elsewhere when there is no terminal here."""
MAX_WAIT_SECONDS = 1_000_000
"""More than any request lives, and no more than select(2) takes."""
WITHDRAW_SECONDS = 5.0
QUESTION = "  └ run it? [y] yes, once  [n] no"
FOR_SESSION = "  [s] for this session"
EDIT = "  [e] edit"
EXPLAIN = "  [?] explain"
GRANT_QUESTION = "  └ grant it? [y] yes  [n] back"
NO = frozenset({"n", "q", "", "\x03", "\x04", "\x1b"})
"""End of input, Ctrl-C, Ctrl-D and Escape among them."""


def approve(request_id: str, *, for_session: bool = False) -> None:
    """On the person's own connection: on the host the bus, where polkit knows who asks."""
    if place.in_machine():
        options = {"grant": "session"} if for_session else {}
        place.call("policy", f"{place.POLICY}.Approve", {"id": request_id, "options": options})
        return
    from aios.client import system_bus

    typed = {"grant": ("s", "session")} if for_session else {}
    with system_bus.authentication_agent(), system_bus.connection() as bus:
        system_bus.policy(bus, "Approve", "sa{sv}", (request_id, typed))


def question(terminal: Terminal, request: Request, *, edits: bool) -> str:
    said = QUESTION + (FOR_SESSION if request.get("grant") else "") + (EDIT if edits else "")
    return _plain(terminal, said + EXPLAIN)


def _plain(terminal: Terminal, said: str) -> str:
    return said.removeprefix("  └ ") if terminal.plain else said


def reject(request_id: str, reason: str) -> None:
    place.call("policy", f"{place.POLICY}.Reject", {"id": request_id, "reason": reason})


class Asked(ABC):
    """The requests of one call. `refused` when one of them ended without an approval. Without a
    person here there is nothing to watch, and with one nothing is overdue."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.refused = False
        self.instead: list[str] = []
        """Commands that the person made of refused ones, to be run next."""
        self.told: Callable[[str, Mapping[str, Any]], None] = lambda _kind, _data: None
        """Hears of each request and how it ended, besides."""
        self._waiting: dict[str, Request] = {}

    def add(self, request: Request) -> None:
        """A request that is told again, after policy was started again, is the same one."""
        if str(request["id"]) not in self._waiting:
            self._waiting[str(request["id"])] = request
            self.told("approval", request)
            self._present(request)

    def resolved(self, outcome: Mapping[str, Any]) -> None:
        self.told("resolved", outcome)
        request = self._waiting.pop(str(outcome["id"]), None)
        if request is None:
            return
        self._ended(request, str(outcome["outcome"]))
        if outcome["outcome"] != "approved":
            self.refused = True

    @abstractmethod
    def _present(self, request: Request) -> None: ...

    @abstractmethod
    def _ended(self, request: Request, outcome: str) -> None: ...

    def descriptors(self) -> list[int]:
        """What to watch beside the sockets."""
        return []

    def readable(self) -> None:  # noqa: B027
        """One of `descriptors` is readable."""

    def patience(self) -> float | None:
        """Seconds until `overdue` has something to do."""
        return None

    def overdue(self) -> None:  # noqa: B027
        """The time of `patience` is over."""

    def close(self) -> None:  # noqa: B027
        """The call has ended."""

    def abandon(self) -> None:
        """We leave the call before its answer: what it asked for is taken back, so that nobody is
        asked about a command that will not run."""
        for request_id in self._waiting:
            with suppress(ClientError), place.connect("policy", WITHDRAW_SECONDS) as policy:
                policy.call(f"{place.POLICY}.Withdraw", {"id": request_id})


class AskedHere(Asked):
    """One card at a time, answered by one key."""

    no = NO

    def __init__(
        self, terminal: Terminal, lines: Lines | None = None, *, why: bool = False
    ) -> None:
        """lines: where the command can be edited, which Session asks for next; Ctrl-C is a no then,
        and not the end. why: somebody reads the reason of a no."""
        super().__init__(terminal)
        self._lines = lines
        self._why = why and lines is not None
        self._open = ""
        self._granting = False
        """The question is whether to grant it for the session."""
        self._stack = ExitStack()
        self._fd = -1

    def _present(self, request: Request) -> None:
        if not self._open:
            card.show(self.terminal, request)
            self._question(str(request["id"]))

    def _question(self, request_id: str) -> None:
        self._open, self._granting = request_id, False
        self._fd = self._stack.enter_context(keys(signals=self._lines is None))
        self._repeat()

    def _repeat(self) -> None:
        if self._granting:
            self.terminal.ask(_plain(self.terminal, GRANT_QUESTION))
        else:
            edits = self._lines is not None
            self.terminal.ask(question(self.terminal, self._request, edits=edits))

    @property
    def _request(self) -> Request:
        return self._waiting[self._open]

    def _shut(self) -> None:
        self._stack.close()
        self._open, self._fd = "", -1

    def _next(self) -> None:
        for request in self._waiting.values():
            return self._present(request)

    def descriptors(self) -> list[int]:
        return [self._fd] if self._open else []

    def _key(self, fd: int) -> str:
        return read_key(fd).lower()

    def readable(self) -> None:
        key = self._key(self._fd)
        if self._granting:
            self._granted(key)
        elif key == "y":
            self._answer("yes")
        elif key == "s" and self._request.get("grant"):
            self._granting = True
            card.show_grant(self.terminal, self._request)
            self._repeat()
        elif key == "e" and self._lines is not None:
            self._edit(self._lines)
        elif key == "?":
            self.terminal.fresh_line()
            explain.show(self.terminal, self._request)
            self._repeat()
        elif key in self.no:
            self._answer("no", ask_why=key == "n")
        else:
            self._repeat()

    def _edit(self, lines: Lines) -> None:
        """The command that is run instead, as a prompt of its own; this one is refused."""
        request = self._request
        self._shut()
        self.terminal.stream("edit\n", aside=True)
        command = str(request["command"])
        edited = _line(lines, "  command: ", command)
        if edited in ("", command):
            self.terminal.note("  as it was")
            self._present(request)
            return
        try:
            reject(str(request["id"]), f"the person edited it, and runs this instead: {edited}")
        except ClientError as error:
            # It has just ended otherwise, as we shall be told: not both of them.
            self.terminal.error(error.message, error.hint)
            return
        self.instead.append(edited)
        self._waiting.pop(str(request["id"]), None)
        self.refused = True
        self._next()

    def _granted(self, key: str) -> None:
        if key == "y":
            self._answer("yes, for this session", for_session=True)
            return
        if key in NO:
            self._granting = False
        self._repeat()

    def _answer(self, words: str, *, for_session: bool = False, ask_why: bool = False) -> None:
        request_id, yes = self._open, words != "no"
        # Before polkit's agent may ask for a password: it reads lines.
        self._shut()
        self.terminal.stream(words + "\n", aside=True)
        try:
            if yes:
                approve(request_id, for_session=for_session)
            else:
                why = ""
                if ask_why and self._why and self._lines is not None:
                    why = _line(self._lines, "    why? (Enter: no reason) ")
                reject(request_id, why or "no, at the prompt")
        except ClientError as error:
            self.terminal.error(error.message, error.hint)
            if request_id in self._waiting and not error.name.endswith(".NotFound"):
                self._question(request_id)
            return
        # Policy tells the outcome to everybody who watches, us included.
        request = self._waiting.pop(request_id, None)
        if request is not None and not yes:
            self.refused = True
        self._next()

    def _ended(self, request: Request, outcome: str) -> None:
        """Somebody else, or time, was faster."""
        if self._open == request["id"]:
            self._shut()
            self.terminal.note(f"  {outcome}")
            self._next()

    def close(self) -> None:
        self._shut()


class AskedElsewhere(Asked):
    """Nobody is here to ask: somebody has `wait` seconds to approve it from elsewhere."""

    def __init__(self, terminal: Terminal, wait: float) -> None:
        super().__init__(terminal)
        self._wait = wait
        self._deadlines: dict[str, float] = {}

    def _present(self, request: Request) -> None:
        self._deadlines[str(request["id"])] = time.monotonic() + self._wait
        self.terminal.note(
            f"needs approval: {visible(request['command'])}  (aios approve"
            f" {request['id']}; waiting {self._wait:g} s)",
            "yellow",
        )

    def _ended(self, request: Request, outcome: str) -> None:
        self._deadlines.pop(str(request["id"]), None)
        self.terminal.note(f"{outcome}: {visible(request['command'])}")

    def patience(self) -> float | None:
        if not self._deadlines:
            return None
        return max(min(self._deadlines.values()) - time.monotonic(), 0)

    def overdue(self) -> None:
        now = time.monotonic()
        for request_id in [i for i, deadline in self._deadlines.items() if deadline <= now]:
            del self._deadlines[request_id]
            self.refused = True
            try:
                reject(request_id, f"nobody approved it in {self._wait:g} s")
            except ClientError as error:
                if error.name.endswith(".NotFound"):
                    continue  # it has just ended, and we shall be told how
                # Who may not reject can still stop waiting.
                self.abandon()
                raise ClientError(
                    ERROR_PREFIX + "ApprovalTimedOut",
                    f"nobody approved it in {self._wait:g} s",
                    error.message,
                    NOT_APPROVED,
                ) from error


def _line(lines: Lines, label: str, text: str = "") -> str:
    """Leaving it is leaving it empty."""
    try:
        return lines.edit(label, text).strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def asked(
    terminal: Terminal, wait: float | None, lines: Lines | None = None, *, why: bool = False
) -> Asked:
    """The person at the terminal, unless there is none, or `wait` says not to ask here. As
    AskedHere has it."""
    if terminal.has_person and wait is None:
        return AskedHere(terminal, lines, why=why)
    return AskedElsewhere(terminal, WAIT_SECONDS if wait is None else wait)
