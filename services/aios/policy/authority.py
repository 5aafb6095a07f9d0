"""What policy decides, for whom, and how an approval comes about. Knows no D-Bus.

exec asks `authorize` before every command. What needs a human becomes a request, which `approve`
and `reject` end, or time; exec then redeems the outcome. Nothing here waits for a human but
`approve`, and that for the very human who called it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aios.binding import binding
from aios.caller import Caller, user_groups
from aios.errors import InvalidCommand, InvalidOption, NoSuchMachine, NotAuthorized, NotFound
from aios.ids import is_id, is_machine
from aios.options import STRING_MAP, Options
from aios.policy import persons
from aios.policy.clock import now_usec
from aios.policy.decision import Decision
from aios.policy.delegations import Delegation, Delegations
from aios.policy.grants import Grant, Grants, holder, keys
from aios.policy.layers import Judgement, Layers
from aios.policy.policy import START
from aios.policy.requests import Request, Requests, State
from aios.policy.settle import PROFILES, settle
from aios.polkit import Check

CONTEXT: dict[str, type | tuple[str, str]] = {
    "id": str, "uid": int, "delegation": str, "session": str, "cwd": str, "env": STRING_MAP,
    "profile": str, "purpose": str,
}  # fmt: skip
PENDING = "pending"
MAX_COMMAND = 128 * 1024 - 1
"""Bytes: the kernel's MAX_ARG_STRLEN, less the NUL."""
MAX_NAME = 128

Why = dict[str, Any]
Ask = Callable[[Caller, Request, bool], Check]
"""Opens polkit's question: once, or for the session."""


@dataclass(frozen=True)
class Authority:
    layers: Layers
    requests: Requests
    delegations: Delegations
    grants: Grants
    ask: Ask

    # Decisions

    def _judge(self, command: str, machine: str, person: Caller, cwd: str = "") -> Judgement:
        if not command.strip() or "\0" in command or len(command.encode()) > MAX_COMMAND:
            raise InvalidCommand("a command is text without NUL, up to 128 KiB, and not empty")
        _require_machine(machine)
        # A person in a machine has no groups of the host, and no name that a rule could mean.
        groups = frozenset[str]() if person.machine else user_groups(person.uid)
        uid = None if person.machine else person.uid
        return self.layers.check(
            command, machine, cwd=cwd or START, user=person.user, groups=groups, uid=uid
        )

    def _explain(self, judgement: Judgement) -> Why:
        why: Why = {
            "command": judgement.part,
            "rule": judgement.rule,
            "reason": judgement.reason,
            "normalized": judgement.normalized,
        }
        if self.layers.fault:
            why["fault"] = self.layers.fault
        return why

    def check(self, caller: Caller, command: str, machine: str) -> tuple[Decision, Why]:
        """What would be decided for the caller. No effect: chat may ask, which runs side by side
        what only reads."""
        if not caller.is_service(persons.CHAT):
            self.require_human(caller, machine)
        judgement = self._judge(command, machine, caller)
        profile = PROFILES[judgement.decision]
        return judgement.decision, {**self._explain(judgement), "profile": profile}

    async def authorize(
        self, caller: Caller, command: str, machine: str, context: dict[str, Any]
    ) -> tuple[str, str, Why]:
        """(decision or "pending", id, why) for one command that exec is about to run."""
        _require_exec(caller)
        options = Options(context, CONTEXT)
        request_id = options.get_str("id")
        if not is_id(request_id):
            raise InvalidOption(f"option 'id' must be a ULID, not {request_id!r}")
        person, session, held_by = await self._person(options, machine)
        self.require_human(person, machine)
        cwd, env = options.get_str("cwd"), options.get_map("env")
        judged = self._judge(command, machine, person, cwd)
        judgement, profile = settle(judged, options, self.layers.config.profiles)
        content: dict[str, Any] = {
            "command": command, "machine": machine, "uid": person.uid, "cwd": cwd, "env": env,
            "profile": profile,
        }  # fmt: skip
        bound = binding(**content)
        why = self._explain(judgement) | {
            "profile": profile,
            "binding": bound,
            "uid": person.uid,
            "user": person.user,
            "session": session,
        }
        if judgement.decision is not Decision.REQUIRE_APPROVAL:
            return judgement.decision, request_id, why
        if held_by and (
            grant := await self.grants.covering(
                keys(**content), person=person, session=session, holder=held_by
            )
        ):
            return Decision.NOTIFY, request_id, why | grant.why()
        request = self.requests.add(
            Request(
                id=request_id, command=command, machine=machine, uid=person.uid,
                user=person.user, origin=person.machine, session=session, cwd=cwd, env=env,
                profile=profile, binding=bound, part=judgement.part, rule=judgement.rule,
                reason=judgement.reason, normalized=judgement.normalized, holder=held_by,
                expires_usec=now_usec() + self.layers.config.policy.approval_timeout * 1_000_000,
            )
        )  # fmt: skip
        return PENDING, request_id, why | {"expires_usec": request.expires_usec}

    async def _person(self, options: Options, machine: str) -> tuple[Caller, str, str]:
        """Whom the command is for, in which session, and what that lives as long as."""
        if "uid" not in options:
            raise InvalidOption("option 'uid' is needed: who called exec")
        asker = Caller(uid=options.get_int("uid", 0, high=2**32 - 1), pid=0)
        reference, session = options.get_str("delegation"), options.get_str("session")
        if not reference:
            return asker, session, ""
        # A script's chat session is chat's own: a connection's delegation holds in any.
        by_connection = reference.startswith(":")
        found = [d for d in await self.delegations.find(reference) if d.machine == machine]
        if not found:
            raise NotAuthorized(
                f"the delegation is not live for {machine}",
                hint="it ends with the connection that made it: make another, and ask again",
            )
        delegation = found[0]
        # It is lent to aios-chat; in other hands it would be stolen.
        if not asker.is_service(persons.CHAT) and asker.uid != delegation.person.uid:
            raise NotAuthorized(f"the delegation is not for {asker.user}")
        if by_connection:
            return delegation.person, session, holder(delegation.person)
        if session and session != delegation.session:
            raise NotAuthorized("the delegation is for another session")
        return delegation.person, delegation.session, holder(delegation.person)

    # The life of a request, as exec sees it

    def redeem(self, caller: Caller, request_id: str) -> tuple[State, Why]:
        _require_exec(caller)
        request = self.requests.redeem(request_id)
        why: Why = {
            "command": request.part,
            "rule": request.rule,
            "reason": request.note or request.reason,
            "normalized": request.normalized,
            "profile": request.profile,
            "binding": request.binding,
            "uid": request.uid,
            "user": request.user,
            "session": request.session,
            "expires_usec": request.expires_usec,
        }
        if request.by_user:
            why |= {"by_uid": request.by_uid, "by_user": request.by_user}
        return request.state, why

    def withdraw(self, caller: Caller, request_id: str) -> None:
        """exec's, whose asker is gone, or the asker's own."""
        request = self._seen(caller, request_id)
        if not caller.is_root and not persons.asked_for(request, caller):
            raise NotAuthorized("only who asked may withdraw; others reject")
        # It may just have ended: whoever withdraws wants it ended, and the first outcome stays.
        if request.state is State.PENDING:
            self.requests.resolve(request_id, State.WITHDRAWN)

    # Humans

    def list_pending(self, caller: Caller) -> list[Request]:
        self.require_human(caller)
        return [r for r in self.requests.pending() if persons.may_see(caller, r)]

    def require_human(self, caller: Caller, machine: str | None = None) -> None:
        """A person, for the machine that they ask about or sit in."""
        self.layers.refresh()
        place = caller.machine if machine is None else machine
        persons.require(caller, place, self.layers.config.machine)

    def _seen(self, caller: Caller, request_id: str) -> Request:
        """The request, if the caller may know of it at all."""
        self.require_human(caller)
        request = self.requests.get(request_id)
        if not persons.may_see(caller, request):
            raise NotFound(f"no request {request_id}", hint="aios approvals lists them")
        return request

    async def approve(self, caller: Caller, request_id: str, *, grant: bool = False) -> None:
        """Returns when the request is approved; polkit may ask the person meanwhile. With `grant`
        the command is approved for the rest of its session as well."""
        self.require_human(caller)
        request = self.requests.get_pending(request_id)
        if caller.machine:
            self._seen(caller, request_id)
            self._require_machine_approver(caller)
        if grant:
            self.grants.require_possible(request)
        if not caller.machine and not caller.is_root:
            await self._ask(caller, request, grant)
        # The person took their time: it may have expired, or be somebody else's by now.
        self.requests.resolve(request_id, State.APPROVED, by_uid=caller.uid, by_user=caller.user)
        if grant:
            self.grants.add(request, caller)

    def reject(self, caller: Caller, request_id: str, reason: str) -> None:
        self._seen(caller, request_id)
        if caller.machine:
            self._require_machine_approver(caller)
        self.requests.resolve(
            request_id, State.REJECTED, by_uid=caller.uid, by_user=caller.user, note=reason
        )

    def _require_machine_approver(self, caller: Caller) -> None:
        if self.layers.config.machine.machine_approvals != "prompt":
            raise NotAuthorized(
                f"approvals for {caller.machine} are given on the host",
                hint="there: aios approvals",
            )

    async def _ask(self, caller: Caller, request: Request, grant: bool) -> None:
        """Returns when polkit allows it; when the request ends first, as if it had said no."""
        async with self.ask(caller, request, grant) as check:
            answer = asyncio.ensure_future(check.authorized())
            ended = asyncio.ensure_future(self.requests.ended(request.id))
            try:
                await asyncio.wait({answer, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not answer.done():
                    self.requests.get_pending(request.id)
                await answer
            finally:
                answer.cancel()
                ended.cancel()

    # Grants

    async def list_grants(self, caller: Caller) -> list[Grant]:
        self.require_human(caller)
        return [grant for grant in await self.grants.live() if persons.may_see(caller, grant)]

    async def revoke_grant(self, caller: Caller, grant_id: str) -> None:
        """Whoever may see it: to revoke only ever takes away."""
        self.require_human(caller)
        grant = await self.grants.get(grant_id)
        if not persons.may_see(caller, grant):
            raise NotFound(f"no grant {grant_id}", hint="aios approvals grants lists them")
        self.grants.end(grant, f"revoked by {caller.user}")

    # Delegations

    async def delegate(
        self,
        caller: Caller,
        session: str,
        machine: str,
        on_end: Callable[[], None] | None = None,
    ) -> Delegation:
        self.require_human(caller, machine)
        _require_machine(machine)
        if not 0 < len(session) <= MAX_NAME or not session.isprintable():
            raise InvalidOption("a session's name is 1 to 128 printable characters")
        return await self.delegations.lend(caller, session, machine, on_end)

    async def revoke(self, caller: Caller, reference: str) -> None:
        for delegation in await self._found(reference):
            if not caller.is_root and not _same_person(caller, delegation.person):
                raise NotAuthorized("only who made a delegation may revoke it")
            self.delegations.revoke(delegation)

    async def describe(self, caller: Caller, reference: str) -> Delegation:
        if not caller.is_root and not caller.is_service(persons.MEMORY):
            raise NotAuthorized(f"{caller.user} may not look into delegations")
        found = await self._found(reference)
        if len({(d.machine, d.session) for d in found}) > 1:
            raise InvalidOption("this connection made several delegations: name one by its id")
        return found[0]

    async def _found(self, reference: str) -> list[Delegation]:
        found = await self.delegations.find(reference)
        if not found:
            raise NotAuthorized(
                "the delegation is not live",
                hint="it ends with the connection that made it: make another, and ask again",
            )
        return found

    # Configuration

    def set_user_rules(self, caller: Caller, text: str) -> None:
        """The caller's own, who is a person on this host."""
        if caller.machine:
            raise NotAuthorized("people in a machine have no rules of their own")
        self.require_human(caller)
        self.layers.set_user_rules(caller.uid, text)

    def reload(self, caller: Caller) -> None:
        if not persons.sees_all(caller):
            raise NotAuthorized("only root and members of aios-admin may reload the policy")
        self.layers.reload()


def _require_exec(caller: Caller) -> None:
    if not caller.is_root:
        raise NotAuthorized("only aios-exec@ (root) may do this")


def _require_machine(machine: str) -> None:
    if not is_machine(machine):
        raise NoSuchMachine(f"{machine!r} is no machine's name")


def _same_person(one: Caller, other: Caller) -> bool:
    return (one.uid, one.machine) == (other.uid, other.machine)
