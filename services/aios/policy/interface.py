"""org.aios.Policy1 on the bus and the socket."""

import asyncio
from typing import Any

from aios.errors import InvalidOption
from aios.interface import Call, Interface, SendEvent
from aios.options import Options
from aios.policy.authority import Authority, Why
from aios.policy.requests import Request, State
from aios.text import visible

MAX_REASON = 1000


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
    }


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
        events: asyncio.Queue[Request | None] = asyncio.Queue()

        def concerns(request: Request) -> bool:
            """Of this session and this person: anybody may name any session."""
            return request.session == session and (request.uid, request.origin) == (
                caller.uid,
                caller.machine,
            )

        def watcher(request: Request) -> None:
            if concerns(request):
                events.put_nowait(request)

        delegation = await authority.delegate(
            caller, session, machine, lambda: events.put_nowait(None)
        )
        try:
            # No request can come between these two: nothing is awaited.
            for request in authority.requests.pending():
                watcher(request)
            stop = authority.requests.watch(watcher)
            try:
                await event({"delegation": delegation.id, "machine": machine})
                while (found := await events.get()) is not None:
                    await event(_told(found))
            finally:
                stop()
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

    async def Approve(self, call: Call, request_id: str, options: dict[str, Any]) -> None:
        Options(options, {})
        await self._authority.approve(call.caller, request_id)

    async def Reject(self, call: Call, request_id: str, reason: str) -> None:
        if len(reason) > MAX_REASON:
            raise InvalidOption(f"a reason has at most {MAX_REASON} characters")
        self._authority.reject(call.caller, request_id, reason)

    async def ReloadConfig(self, call: Call) -> None:
        self._authority.reload(call.caller)


def _told(request: Request) -> dict[str, Any]:
    if request.state is State.PENDING:
        return {"request": shown(request)}
    outcome = {"id": request.id, "outcome": str(request.state), "by_uid": request.by_uid}
    return {"resolved": outcome}
