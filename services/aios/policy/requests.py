"""Approval requests. Each is a file from before anybody hears of it until a day after its end;
what is in memory is a copy. A request never changes but for its outcome, so an approval of an id
is an approval of exactly the command that was shown under it.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from aios.errors import Busy, InvalidOption, NotFound, Unavailable
from aios.journal import log
from aios.policy import disk
from aios.policy.clock import NEVER, now_usec, passed, until_usec

NOBODY = 2**32 - 1
"""(uid_t) -1: no human ended the request."""
MAX_PENDING = 100
"""Requests that one person may have open."""
MAX_ENDED = 1000
"""Outcomes that are kept of one person's."""
KEPT_USEC = 24 * 3600 * 1_000_000
"""How long an outcome can be asked for."""
GRACE_USEC = 60 * 1_000_000
"""How long after a request's expiry an approval that came in time can still be redeemed."""



class State(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Request:
    """`uid` and `user` are the person's, `origin` the machine they sit in (empty: the host);
    `part` is the simple command that decided."""

    id: str
    command: str
    machine: str
    uid: int
    user: str
    origin: str
    session: str
    cwd: str
    profile: str
    binding: str
    part: str
    rule: str
    reason: str
    normalized: str
    expires_usec: int
    until_usec: int = NEVER
    """The same since the boot (`clock`)."""
    env: dict[str, str] = field(default_factory=dict)
    holder: str = ""
    """What its session lives as long as; empty: it has none that could be granted anything."""
    state: State = State.PENDING
    by_uid: int = NOBODY
    by_user: str = ""
    note: str = ""
    """Why it was rejected."""
    resolved_usec: int = 0
    used: bool = False


Watcher = Callable[[Request], None]


class Requests:
    """The requests in `directory`, with a timer for each pending one. Needs a running loop."""

    def __init__(self, directory: Path) -> None:
        self._directory = disk.directory(directory)
        self._requests: dict[str, Request] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._over: dict[int, dict[str, None]] = {}
        """By person, the ids of what has ended, the first to end first."""
        self._watchers: list[Watcher] = []
        for path in sorted(directory.glob("*.json")):
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            data = json.loads(path.read_text())
            request = Request(**{**data, "state": State(data["state"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.error("a request's file cannot be read", file=str(path), reason=str(error))
            return
        if request.resolved_usec and request.resolved_usec + KEPT_USEC < now_usec():
            with contextlib.suppress(OSError):
                path.unlink()
            return
        self._keep(request)

    def _keep(self, request: Request) -> None:
        self._requests[request.id] = request
        if request.state is State.PENDING:
            self._ended.setdefault(request.id, asyncio.Event())
            # The clock may be set meanwhile: the timer asks again when it fires.
            left = (request.expires_usec - now_usec()) / 1_000_000
            left = min(left, (request.until_usec - until_usec(now_usec())) / 1_000_000)
            self._timers[request.id] = asyncio.get_running_loop().call_later(
                max(left, 0), self._fired, request
            )
        else:
            self._keep_ended(request)

    def _keep_ended(self, request: Request) -> None:
        ids = self._over.setdefault(request.uid, {})
        ids[request.id] = None
        while len(ids) > MAX_ENDED:
            oldest = next(iter(ids))
            del ids[oldest], self._requests[oldest]
            with contextlib.suppress(OSError):  # it goes at the next start
                self._path(oldest).unlink()

    def _path(self, request_id: str) -> Path:
        return self._directory / f"{request_id}.json"

    def _fired(self, request: Request) -> None:
        if self._current(request.id).state is State.PENDING:
            self._keep(request)

    def _write(self, request: Request) -> None:
        disk.write(self._path(request.id), json.dumps(asdict(request)))

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """`watcher` hears of each new request and each outcome, in order, until the function
        that is returned is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _tell(self, request: Request) -> None:
        for watcher in list(self._watchers):
            watcher(request)

    def add(self, request: Request) -> Request:
        """The same request again is the one that is there (exec asked twice, being killed in
        between); another under its id is refused."""
        if known := self._requests.get(request.id):
            if known.binding != request.binding:
                raise InvalidOption(f"id {request.id} belongs to another command")
            return self._current(request.id)
        if sum(other.uid == request.uid for other in self.pending()) >= MAX_PENDING:
            raise Busy(
                f"{request.user} has {MAX_PENDING} commands waiting for approval",
                hint="answer some: aios approvals",
            )
        request = replace(request, until_usec=until_usec(request.expires_usec))
        self._write(request)
        self._keep(request)
        self._tell(request)
        return request

    def _current(self, request_id: str) -> Request:
        """The request as it is now: whatever has expired is expired."""
        request = self._requests.get(request_id)
        if request is None:
            raise NotFound(f"no request {request_id}", hint="aios approvals lists them")
        if request.state is State.PENDING and passed(request.expires_usec, request.until_usec):
            return self._end(request, State.EXPIRED)
        late = passed(request.expires_usec + GRACE_USEC, request.until_usec + GRACE_USEC)
        if request.state is State.APPROVED and not request.used and late:
            return self._end(request, State.EXPIRED)
        return request

    def get(self, request_id: str) -> Request:
        return self._current(request_id)

    def get_pending(self, request_id: str) -> Request:
        request = self._current(request_id)
        if request.state is not State.PENDING:
            by = f" by {request.by_user}" if request.by_user else ""
            raise NotFound(f"request {request_id} is no longer pending: {request.state}{by}")
        return request

    def pending(self) -> list[Request]:
        waiting = [r.id for r in self._requests.values() if r.state is State.PENDING]
        found = [self._current(request_id) for request_id in waiting]
        return [request for request in found if request.state is State.PENDING]

    async def ended(self, request_id: str) -> None:
        """Returns when the request is no longer pending."""
        if event := self._ended.get(request_id):
            await event.wait()

    def resolve(
        self,
        request_id: str,
        state: State,
        *,
        by_uid: int = NOBODY,
        by_user: str = "",
        note: str = "",
    ) -> Request:
        """Ends a pending request; whoever comes second gets NotFound."""
        request = self.get_pending(request_id)
        return self._end(replace(request, by_uid=by_uid, by_user=by_user, note=note), state)

    def _end(self, request: Request, state: State) -> Request:
        request = replace(request, state=state, resolved_usec=now_usec())
        try:
            self._write(request)
        except Unavailable:
            # No is no, on a full disk too. Without its file nobody is asked again.
            if state is State.APPROVED:
                raise
            with contextlib.suppress(OSError):
                self._path(request.id).unlink()
            log.exception("an outcome could not be kept", id=request.id, outcome=str(state))
        self._requests[request.id] = request
        self._keep_ended(request)
        if timer := self._timers.pop(request.id, None):
            timer.cancel()
        if event := self._ended.pop(request.id, None):
            event.set()
        log.info(
            "approval resolved", id=request.id, outcome=str(state), by=request.by_user or "nobody"
        )
        self._tell(request)
        return request

    def redeem(self, request_id: str) -> Request:
        """The state; "approved" uses the approval up, on disk before it is answered. The same id
        gets the same answer again: exec may have been killed before it read the first."""
        request = self._current(request_id)
        if request.state is State.APPROVED and not request.used:
            request = replace(request, used=True)
            self._write(request)
            self._requests[request.id] = request
        return request
