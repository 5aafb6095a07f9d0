"""What aios does for the person who started the MCP server, through the services' sockets: so every
right is that person's, and every decision policy's.

A command has a connection of its own, whose end cancels it, and beside it one to policy, which
tells what of it waits for a human. That connection approves nothing.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aios import varlink_async
from aios.client import machines
from aios.client.place import hosts_machine
from aios.errors import ApprovalTimedOut, Denied, NoSuchMachine
from aios.ids import is_machine

SOCKETS = Path("/run/aios")
READ_ONLY = "read-only"
PULSE_SECONDS = 5.0
"""How often a command that goes on is told of: clients count from the last they heard."""
SOURCE = "mcp"

Fields = dict[str, Any]
Tell = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Ran:
    exit_status: int
    stdout: str
    stderr: str
    details: Fields


@dataclass
class _Waiting:
    """Requests of one command that wait for a human, by id."""

    requests: dict[str, Fields]
    changed: asyncio.Event

    def said(self) -> str:
        ids = ", ".join(self.requests)
        return f"waiting for a human's approval ({ids})" if ids else "running"


class Hands:
    def __init__(self, *, wait_approval: float, sockets: Path = SOCKETS) -> None:
        """wait_approval: seconds that a human has."""
        self._wait_approval = wait_approval
        self._sockets = sockets

    # Commands

    async def run(self, command: str, machine: str, options: Fields, tell: Tell) -> Ran:
        """Cancelled, it cancels the command. Raises an AiosError when it does not run."""
        return await self._run(command, machine, options, tell, asks=True)

    async def run_read_only(self, command: str, machine: str, options: Fields, tell: Tell) -> Ran:
        """Runs only what policy lets run at once and confined to reading; nobody is asked."""
        decision, why = await self.check(command, machine)
        if decision != "auto_allow":
            raise Denied(
                f"not read-only by policy: {decision} ({why.get('rule', '')})",
                hint="the tool `run` runs it, if policy and, where needed, a human allow it",
            )
        confined = options | {"profile": READ_ONLY}
        return await self._run(command, machine, confined, tell, asks=False)

    async def _run(
        self, command: str, machine: str, options: Fields, tell: Tell, *, asks: bool
    ) -> Ran:
        session = f"mcp-{os.urandom(8).hex()}"
        lending = {"session": session, "machine": machine}
        path = self._exec(machine)
        async with varlink_async.calling(
            self._sockets / "policy.sock", "org.aios.Policy1.Delegate", lending
        ) as events:
            await anext(events)
            waiting = _Waiting({}, asyncio.Event())
            asked = {"command": command, "options": options | {"session": session}}
            run = asyncio.ensure_future(varlink_async.call(path, "org.aios.Exec1.Run", asked))
            listen = asyncio.ensure_future(self._listen(events, waiting))
            try:
                await tell(waiting.said())
                answer = await self._follow(run, waiting, tell, asks=asks)
            finally:
                # An exec that finds its caller gone stops the command and takes its request back.
                run.cancel()
                listen.cancel()
                await asyncio.gather(run, listen, return_exceptions=True)
        return Ran(answer["exit_status"], answer["stdout"], answer["stderr"], answer["details"])

    def _exec(self, machine: str) -> Path:
        path = self._sockets / "exec" / f"{machine}.sock"
        if not is_machine(machine) or not path.exists():
            raise NoSuchMachine(
                f"no machine {machine!r} runs under aios here",
                hint="the tool `machines` lists them",
            )
        return path

    @staticmethod
    async def _listen(events: Any, waiting: _Waiting) -> None:
        async for event in events:
            if request := event.get("request"):
                waiting.requests[str(request["id"])] = request
            elif resolved := event.get("resolved"):
                waiting.requests.pop(str(resolved["id"]), None)
            waiting.changed.set()

    async def _follow(
        self, run: "asyncio.Future[Fields]", waiting: _Waiting, tell: Tell, *, asks: bool
    ) -> Fields:
        """The answer, told of meanwhile."""
        loop = asyncio.get_running_loop()
        overdue: float | None = None
        while True:
            changed = asyncio.ensure_future(waiting.changed.wait())
            watched: set[asyncio.Future[Any]] = {run, changed}
            pause = PULSE_SECONDS if overdue is None else min(PULSE_SECONDS, overdue - loop.time())
            try:
                await asyncio.wait(
                    watched, timeout=max(pause, 0), return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                changed.cancel()
            if run.done():
                return run.result()
            waiting.changed.clear()
            if waiting.requests and not asks:
                raise Denied(
                    "not read-only by policy: it would need a human's approval",
                    hint="the tool `run` asks for it",
                )
            if not waiting.requests:
                overdue = None
            elif overdue is None:
                overdue = loop.time() + self._wait_approval
            elif overdue <= loop.time():
                raise ApprovalTimedOut(
                    f"nobody approved it within {self._wait_approval:g} s: it is withdrawn",
                    hint="the person can open `aios approvals --watch`; then you try again",
                )
            await tell(waiting.said())

    async def check(self, command: str, machine: str) -> tuple[str, Fields]:
        """(decision, why)"""
        self._exec(machine)
        answer = await self._ask(
            "policy", "org.aios.Policy1.Check", command=command, machine=machine
        )
        return str(answer["decision"]), dict(answer["why"])

    # The memory

    async def history(self, wanted: Mapping[str, Any]) -> list[Fields]:
        answer = await self._ask("memory", "org.aios.Memory1.History", filter=dict(wanted))
        return list(answer["rows"])

    async def recall(self, query: str, limit: int) -> list[Fields]:
        options = {"limit": limit}
        answer = await self._ask("memory", "org.aios.Memory1.Search", query=query, options=options)
        return list(answer["memories"])

    async def remember(self, content: str, entities: list[str]) -> str:
        options: Fields = {"source": SOURCE}
        if entities:
            options["related_entities"] = entities
        answer = await self._ask(
            "memory", "org.aios.Memory1.Create", content=content, options=options
        )
        return str(answer["id"])

    def machines(self) -> list[Fields]:
        return [
            {"name": name, "default": name == hosts_machine(), "host": name == machines.HOST}
            for name in machines.governed()
        ]

    async def _ask(self, service: str, method: str, **parameters: Any) -> Fields:
        return await varlink_async.call(self._sockets / f"{service}.sock", method, parameters)
