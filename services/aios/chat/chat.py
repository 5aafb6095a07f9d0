"""Conversations: who may hold which, one prompt at a time, and which brain answers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aios import config
from aios.caller import Caller
from aios.chat import mcp_client, offline_brain, prompt
from aios.chat.anthropic_brain import AnthropicModel, Credentials
from aios.chat.distribution import distribution
from aios.chat.event import Emit, Kind, Status
from aios.chat.loop import converse
from aios.chat.offline_brain import Lookups
from aios.chat.person import SOCKETS, BusCall, Person, machine_missing, machine_socket
from aios.chat.session import Session, Store
from aios.chat.turn import Turn
from aios.errors import AiosError, Busy, InvalidOption, NoSuchMachine, NotAuthorized
from aios.ids import is_machine
from aios.memory import preferences

MAX_PROMPT = 100_000
"""Characters."""


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
    ) -> None:
        self.store = store
        self.mcp = mcp
        self._bus = bus
        self._load = load
        self._sockets = sockets
        self._answering: dict[str, _Answering] = {}
        """By session."""
        self._lookups = Lookups()
        self._model: tuple[config.Chat, Credentials, AnthropicModel] | None = None

    def open(self, caller: Caller, machine: str) -> str:
        """The id of a new session about `machine`; a machine's own people have only that one."""
        return self.store.create(caller, self._target(caller, machine)).id

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

    def _own(self, caller: Caller, session_id: str) -> Session:
        if caller.machine:
            self._require_machine_user(caller)
        else:
            caller.require_user()
        return self.store.open(caller, session_id)

    async def ask(
        self, caller: Caller, session_id: str, text: str, delegation: str, emit: Emit
    ) -> Status:
        """Answers one prompt. Cancelling it cancels the model and the running command."""
        session = self._own(caller, session_id)
        delegation = _lent(caller, delegation)
        if not text.strip() or len(text) > MAX_PROMPT:
            raise InvalidOption(f"a prompt has 1 to {MAX_PROMPT} characters, not {len(text)}")
        if session.id in self._answering:
            raise Busy(
                "this session is answering another prompt",
                hint="wait for its end, or Interrupt() it",
            )
        person = Person(session.target, session.id, delegation, self._bus, self._sockets)
        turn = Turn(session, person, text.strip(), emit)
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
        """Forgets the session."""
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
        settings = self._load().chat
        credentials = Credentials.load()
        known = await distribution(self._bus, turn.person.machine)
        if not settings.base_url and not credentials:
            if all(entry["type"] != "brain" for entry in turn.session.entries()):
                turn.session.append("brain", name="offline")
                await turn.emit(Kind.NOTICE, {"text": offline_brain.NOTICE})
            return await offline_brain.respond(turn, self._lookups, known)
        model = self._connected(settings, credentials)
        system = prompt.system(turn.person.machine, known, datetime.now().astimezone())
        system += prompt.remembered(await _context(turn))
        return await converse(turn, model, system, settings.max_steps)

    def _connected(self, settings: config.Chat, credentials: Credentials) -> AnthropicModel:
        """The model as configured now; its connections are kept while that stays."""
        if self._model is None or self._model[:2] != (settings, credentials):
            self._model = settings, credentials, AnthropicModel(settings, credentials)
        return self._model[2]


async def _context(turn: Turn) -> list[dict[str, Any]]:
    """A memory that does not answer is missed, but no reason to answer nothing."""
    try:
        return await turn.person.context(turn.prompt)
    except AiosError as error:
        await turn.emit(Kind.NOTICE, {"text": f"without the memory: {error.message}"})
        return []


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
