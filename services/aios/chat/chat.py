"""Conversations: who may hold which, one prompt at a time, and which brain answers."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aios import config
from aios.caller import Caller
from aios.chat import mcp_client, offline_brain, prompt, replay, tokens
from aios.chat.brains import Brains, Hold, Name
from aios.chat.budget import Budget
from aios.chat.distribution import distribution
from aios.chat.event import Emit, Kind, Status
from aios.chat.loop import Loop
from aios.chat.offline_brain import Lookups
from aios.chat.person import SOCKETS, BusCall, Person, machine_missing, machine_socket
from aios.chat.session import Session, Store
from aios.chat.tools import Toolbox
from aios.chat.turn import ENDS, Turn
from aios.errors import (
    AiosError,
    Busy,
    InvalidOption,
    ModelUnavailable,
    NoSuchMachine,
    NotAuthorized,
    NotFound,
)
from aios.ids import is_machine
from aios.memory import preferences

MAX_PROMPT = 100_000
"""Characters."""
NEWEST = "newest"
"""Instead of an id: the session that was used last on that machine."""


@dataclass
class _Answering:
    """A prompt in progress."""

    task: asyncio.Task[Status]
    interrupted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Chat:
    def __init__(
        self,
        store: Store,
        bus: BusCall,
        *,
        mcp: mcp_client.Tools,
        load: Callable[[], config.Config] = config.load,
        sockets: Path = SOCKETS,
        hold: Hold = nullcontext,
    ) -> None:
        self.store = store
        self.mcp = mcp
        self._bus = bus
        self._load = load
        self._sockets = sockets
        self._answering: dict[str, _Answering] = {}
        """By session."""
        self._lookups = Lookups()
        self._brains = Brains(hold)

    def open(
        self, caller: Caller, machine: str, *, brain: str = "", model: str = "", resume: str = ""
    ) -> str:
        """The id of a new session about `machine`; a machine's own people have only that one.
        resume: one of the caller's own is taken up again, by its id or as NEWEST. brain, model:
        empty as configured."""
        settings = self._load().chat
        self._brains.check(settings, brain, model)
        if resume and resume != NEWEST:
            session = self._own(caller, resume)
            if machine not in ("", session.target):
                raise InvalidOption(
                    f"session {session.id} is about {session.target}, not about {machine}"
                )
            self._target(caller, session.target)
        else:
            machine = self._target(caller, machine)
            session = (
                self._newest(caller, machine) if resume else self.store.create(caller, machine)
            )
        if (brain or session.brain, model or session.model) != (session.brain, session.model):
            session = self.store.choose(session, brain or session.brain, model or session.model)
        try:
            if self._brains.name(settings, session) is Name.ANTHROPIC:
                self._brains.prepare(settings)
        except ModelUnavailable:
            if brain:
                raise
            # Commands run all the same; a prompt is told why it has no answer.
        return session.id

    def _newest(self, caller: Caller, machine: str) -> Session:
        for known in self.store.own(caller):
            if known.machine == machine:
                return self.store.open(caller, known.id)
        raise NotFound(f"there is no session about {machine} to go on with")

    def sessions(self, caller: Caller) -> list[dict[str, Any]]:
        """The caller's own, the last used first."""
        self._require(caller)
        return [known.as_dict() for known in self.store.own(caller)]

    def log(self, caller: Caller, session_id: str) -> list[dict[str, Any]]:
        """What its person has seen of it."""
        return replay.events(self._own(caller, session_id))

    def sweep(self) -> None:
        """Removes what is older than configured; nothing while that cannot be read."""
        with suppress(AiosError):
            self.store.sweep(self._load().chat.keep_days)

    def _target(self, caller: Caller, machine: str) -> str:
        """The machine that the caller may speak of."""
        if caller.machine:
            self._require_machine_user(caller)
            if machine not in ("", caller.machine):
                raise NotAuthorized(f"{caller.user} may act on {caller.machine} only")
            machine = caller.machine
        else:
            caller.require_user()
        if not is_machine(machine):
            raise NoSuchMachine(f"{machine!r} is no machine's name")
        if not machine_socket(machine, self._sockets).exists():
            raise machine_missing(machine)
        return machine

    def _require_machine_user(self, caller: Caller) -> None:
        users = self._load().machine.machine_users
        if caller.machine_uid not in users:
            raise NotAuthorized(
                f"{caller.user} may not use aios",
                hint="[machine] machine_users in the host's /etc/aios/config.toml names who may",
            )

    def _require(self, caller: Caller) -> None:
        if caller.machine:
            self._require_machine_user(caller)
        else:
            caller.require_user()

    def _own(self, caller: Caller, session_id: str) -> Session:
        self._require(caller)
        return self.store.open(caller, session_id)

    async def ask(
        self,
        caller: Caller,
        session_id: str,
        text: str,
        delegation: str,
        emit: Emit,
        others: Mapping[str, str] | None = None,
    ) -> Status:
        """Answers one prompt. Cancelling it cancels the model and the running commands. others:
        delegations for other machines, by machine."""
        session = self._own(caller, session_id)
        delegation = _lent(caller, delegation)
        others = {name: _lent(caller, lent) for name, lent in (others or {}).items()}
        if not text.strip() or len(text) > MAX_PROMPT:
            raise InvalidOption(f"a prompt has 1 to {MAX_PROMPT} characters, not {len(text)}")
        if session.id in self._answering:
            raise Busy(
                "this session is answering another prompt",
                hint="wait for its end, or Interrupt() it",
            )
        person = Person(
            session.target, session.id, delegation, self._bus, self._sockets,
            lent=others, inside=caller.machine,
        )  # fmt: skip
        turn = Turn(session, person, text.strip(), emit, _ends(self._load().chat))
        answering = _Answering(asyncio.ensure_future(self._answer(turn)))
        self._answering[session.id] = answering
        try:
            return await answering.task
        except asyncio.CancelledError:
            why = "the person interrupted it" if answering.interrupted else "the person went away"
            session.append("cut", reason=why)
            if answering.interrupted:
                return Status.INTERRUPTED
            raise
        except AiosError as error:
            session.append("cut", reason=error.message)
            await emit(
                Kind.ERROR, {"name": error.name, "message": error.message, "hint": error.hint}
            )
            return Status.FAILED
        finally:
            self.mcp.stop(session.id)
            del self._answering[session.id]
            answering.ended.set()

    async def plan(
        self, caller: Caller, machine: str, text: str, delegation: str, brain: str
    ) -> dict[str, Any]:
        """The command that the prompt would become (offline.plan.Plan, without what is empty)."""
        machine = self._target(caller, machine)
        delegation = _lent(caller, delegation)
        if not text.strip() or len(text) > MAX_PROMPT:
            raise InvalidOption(f"a prompt has 1 to {MAX_PROMPT} characters, not {len(text)}")
        if brain not in ("", "offline"):
            raise InvalidOption(
                f"{brain!r} proposes nothing without running it; the brain `offline` does"
            )
        person = Person(machine, "plan", delegation, self._bus, self._sockets)
        known = await distribution(self._bus, machine)
        planned = await offline_brain.propose(person, text.strip(), self._lookups, known)
        return {"brain": "offline", "machine": machine, **planned.as_dict()}

    async def interrupt(self, caller: Caller, session_id: str) -> None:
        """Ends the prompt in progress, if there is one, and waits until it has."""
        session = self._own(caller, session_id)
        answering = self._answering.get(session.id)
        if answering is not None:
            answering.interrupted = True
            answering.task.cancel()
            await answering.ended.wait()

    async def close(self, caller: Caller, session_id: str) -> None:
        """Ends what it does. It is kept, unless nothing was ever said in it."""
        await self.interrupt(caller, session_id)
        session = self._own(caller, session_id)
        if not session.entries():
            self.store.remove(session)

    async def forget(self, caller: Caller, session_id: str) -> None:
        """Removes it."""
        await self.interrupt(caller, session_id)
        self.store.remove(self._own(caller, session_id))

    async def _answer(self, turn: Turn) -> Status:
        turn.session.append("prompt", text=turn.prompt)
        if turn.prompt.startswith("!"):
            command = turn.prompt[1:].strip()
            if not command:
                raise InvalidOption("`!` runs the command behind it, and there is none")
            return await turn.run_alone(command)
        if preferences.stated(turn.prompt):
            await turn.person.remember(turn.prompt)
        session = turn.session
        settings = self._brains.settings(self._load().chat, session)
        if self._brains.name(settings, session) is Name.OFFLINE:
            known = await distribution(self._bus, turn.person.machine)
            if all(entry["type"] != "brain" for entry in session.entries()):
                session.append("brain", name="offline")
                await turn.emit(Kind.NOTICE, {"text": offline_brain.NOTICE})
            return await offline_brain.respond(turn, self._lookups, known)
        return await self._converse(turn, settings)

    async def _converse(self, turn: Turn, settings: config.Chat) -> Status:
        budget = Budget(settings)
        known, items = await asyncio.gather(
            distribution(self._bus, turn.person.machine), _context(turn)
        )
        context = prompt.context(datetime.now().astimezone(), items)
        turn.session.append("context", text=context)
        system = prompt.system(turn.person.machine, known)
        room = settings.context_tokens - settings.max_tokens - tokens.estimate(system)
        brain = self._brains.anthropic(settings)
        toolbox = Toolbox(turn, self.mcp)
        try:
            return await Loop(turn, brain, system, toolbox, budget, room).converse()
        finally:
            self._brains.stay_ready(settings)


async def _context(turn: Turn) -> list[dict[str, Any]]:
    """A memory that does not answer is missed, but no reason to answer nothing."""
    try:
        return await turn.person.context(turn.prompt)
    except AiosError as error:
        await turn.emit(Kind.NOTICE, {"text": f"without the memory: {error.message}"})
        return []


def _ends(settings: config.Chat) -> int:
    """Characters of each end of a command's output: less where the model has little room."""
    return min(ENDS, settings.context_tokens // 8)


def _lent(caller: Caller, delegation: str) -> str:
    """The delegation to act with: an id, or the caller's own bus connection, which holds one.

    A bus name is no secret, as an id is: naming somebody else's would borrow their authority.
    """
    if not delegation:
        delegation = caller.bus_name
    if not delegation:
        raise NotAuthorized(
            "a prompt needs a delegation", hint="Policy1.Delegate(session, machine) gives one"
        )
    if delegation.startswith(":") and delegation != caller.bus_name:
        raise NotAuthorized(f"{delegation} is not this connection")
    return delegation
