"""org.aios.Policy1 on the bus and the socket."""

import asyncio
import shlex
from collections.abc import Callable
from functools import partial
from typing import Any

from aios.errors import InvalidOption
from aios.interface import Call, Interface, SendEvent
from aios.options import Options
from aios.policy import persons
from aios.policy.authority import Authority, Why
from aios.policy.grants import Grant, words
from aios.policy.requests import Request, Requests, State
from aios.text import visible

MAX_REASON = 1000
MAX_NEWS = 1000
"""What somebody who listens has not read yet."""
FOR_SESSION = "session"


def shown(request: Request) -> dict[str, Any]:
    """A request as a human is shown it: all that an approval binds, escaped."""
    return {
        "id": request.id,
        "command": visible(request.command),
        "machine": request.machine,
        "uid": request.uid,
        "user": request.user,
        "cwd": visible(request.cwd),
        "env": {visible(name): visible(value) for name, value in request.env.items()},
        "profile": request.profile,
        "part": visible(request.part),
        "rule": visible(request.rule),
        "reason": visible(request.reason),
        "expires": request.expires_usec,
        "grant": _grantable(request),
    }


def _grantable(request: Request) -> dict[str, Any]:
    """What a grant for the session would cover; empty: there can be none."""
    if not request.holder:
        return {}
    found = words(request.command)
    command = shlex.join(found) if found else request.command
    return {"command": visible(command), "exact": not found}


def described(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "command": visible(grant.command),
        "exact": not grant.wide,
        "machine": grant.machine,
        "uid": grant.uid,
        "user": grant.user,
        "session": visible(grant.session),
        "cwd": visible(grant.cwd),
        "profile": grant.profile,
        "by_uid": grant.by_uid,
        "by_user": grant.by_user,
        "created_usec": grant.created_usec,
        "expires_usec": grant.expires_usec,
    }


class News:
    """Requests and their outcomes as they come, for one who listens."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Request | None] = asyncio.Queue()
        self._most = MAX_NEWS

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def tell(
        self,
        event: SendEvent,
        requests: Requests,
        concerns: Callable[[Request], bool],
        first: dict[str, Any],
    ) -> None:
        """What is pending, then what changes, until `end` or the listener goes. `pending`, with
        `first`, is how many requests follow that are not new."""

        def watcher(request: Request) -> None:
            if concerns(request):
                self._queue.put_nowait(request)
            if self._queue.qsize() > self._most:
                # They do not read: told that this is the end, they can ask for all again.
                self._queue = asyncio.Queue()
                self.end()

        # No request can come between these two: nothing is awaited.
        found = [request for request in requests.pending() if concerns(request)]
        self._most += len(found)
        for request in found:
            watcher(request)
        waiting = len(found)
        stop = requests.watch(watcher)
        try:
            await event(first | {"pending": waiting})
            while (news := await self._queue.get()) is not None:
                await event(_told(news))
        finally:
            stop()


class Policy1(Interface):
    NAME = "org.aios.Policy1"
    PATH = "/org/aios/Policy1"

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._authority = authority
        authority.requests.watch(self._announce)

    def _announce(self, request: Request) -> None:
        if request.state is State.PENDING:
            self.emit(
                "ApprovalRequested", request.id, visible(request.command), request.machine,
                request.uid,
            )  # fmt: skip
        else:
            self.emit("ApprovalResolved", request.id, str(request.state), request.by_uid)

    async def Check(self, call: Call, command: str, machine: str) -> tuple[str, Why]:
        return self._authority.check(call.caller, command, machine or call.caller.machine)

    async def Authorize(
        self, call: Call, command: str, machine: str, context: dict[str, Any]
    ) -> tuple[str, str, Why]:
        return await self._authority.authorize(call.caller, command, machine, context)

    async def Redeem(self, call: Call, request_id: str) -> tuple[str, Why]:
        return self._authority.redeem(call.caller, request_id)

    async def Withdraw(self, call: Call, request_id: str) -> None:
        self._authority.withdraw(call.caller, request_id)

    async def Delegate(self, call: Call, session: str, machine: str) -> str:
        """On the bus it lasts while the sender does. On a socket it lasts while this call does,
        which is until its peer goes, or somebody revokes it."""
        # People in a machine need not know its name.
        machine = machine or call.caller.machine
        if call.caller.bus_name:
            return (await self._authority.delegate(call.caller, session, machine)).id
        if call.event is None:
            raise InvalidOption(
                "a delegation on a socket would end with the reply", hint="call it with `more`"
            )
        return await self._lend(call, call.event, session, machine)

    async def _lend(self, call: Call, event: SendEvent, session: str, machine: str) -> str:
        authority, caller = self._authority, call.caller
        news = News()

        def concerns(request: Request) -> bool:
            """Of this session and this person: anybody may name any session."""
            return request.session == session and (request.uid, request.origin) == (
                caller.uid,
                caller.machine,
            )

        delegation = await authority.delegate(caller, session, machine, news.end)
        try:
            first = {"delegation": delegation.id, "machine": machine}
            await news.tell(event, authority.requests, concerns, first)
        finally:
            authority.delegations.revoke(delegation)
        return delegation.id

    async def Revoke(self, call: Call, delegation: str) -> None:
        await self._authority.revoke(call.caller, delegation)

    async def DescribeDelegation(self, call: Call, delegation: str) -> tuple[int, str, str, str]:
        found = await self._authority.describe(call.caller, delegation)
        return found.person.uid, found.person.user, found.machine, found.session

    async def ListPending(self, call: Call) -> list[tuple[str, str, str, int, int, str]]:
        return [
            (r.id, visible(r.command), r.machine, r.uid, r.expires_usec, visible(r.rule))
            for r in self._authority.list_pending(call.caller)
        ]

    async def WatchApprovals(self, call: Call) -> None:
        authority, caller = self._authority, call.caller
        authority.require_human(caller)
        if call.event is None:
            raise InvalidOption(
                "this is a stream, on the socket", hint="call it with `more`; the bus has signals"
            )
        await News().tell(call.event, authority.requests, partial(persons.may_see, caller), {})

    async def Approve(self, call: Call, request_id: str, options: dict[str, Any]) -> None:
        grant = Options(options, {"grant": str}).get_str("grant")
        if grant not in ("", FOR_SESSION):
            raise InvalidOption(f"option 'grant' can be {FOR_SESSION!r} only")
        await self._authority.approve(call.caller, request_id, grant=grant == FOR_SESSION)

    async def ListGrants(self, call: Call) -> list[dict[str, Any]]:
        return [described(grant) for grant in await self._authority.list_grants(call.caller)]

    async def RevokeGrant(self, call: Call, grant_id: str) -> None:
        await self._authority.revoke_grant(call.caller, grant_id)

    async def Reject(self, call: Call, request_id: str, reason: str) -> None:
        if len(reason) > MAX_REASON:
            raise InvalidOption(f"a reason has at most {MAX_REASON} characters")
        self._authority.reject(call.caller, request_id, reason)

    async def SetUserRules(self, call: Call, toml: str) -> None:
        self._authority.set_user_rules(call.caller, toml)

    async def ReloadConfig(self, call: Call) -> None:
        self._authority.reload(call.caller)


def _told(request: Request) -> dict[str, Any]:
    if request.state is State.PENDING:
        return {"request": shown(request)}
    outcome = {"id": request.id, "outcome": str(request.state), "by_uid": request.by_uid}
    return {"resolved": outcome}
