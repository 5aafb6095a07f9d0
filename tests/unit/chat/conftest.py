"""The chat service without its doors, between a real socket of a machine and a real model server.

The machine's exec is this process: it runs bash, refuses what holds the word `forbidden`, and has
answers of its own for what would change this system or asks for its lists of names.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from aios import config
from aios.caller import Caller
from aios.chat.chat import Chat
from aios.chat.event import Kind, Status
from aios.chat.mcp_client import Tools
from aios.chat.person import BusCall
from aios.chat.session import Store
from aios.errors import Denied
from aios.ids import new_id
from aios.interface import Call, Interface
from aios.varlink import VarlinkServer

ROOT = Caller(uid=0, pid=1)
MACHINE = "box"


class Exec(Interface):
    NAME = "org.aios.Exec1"
    PATH = "/org/aios/Exec1"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.options: list[dict[str, Any]] = []
        self.commands: list[str] = []
        self.names = ""
        """What a probe prints."""
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def Run(
        self, call: Call, command: str, options: dict[str, Any]
    ) -> tuple[int, str, str, dict[str, Any]]:
        self.options.append(options)
        self.commands.append(command)
        if "forbidden" in command:
            raise Denied("it is forbidden", hint="ask for less")
        if options.get("purpose") == "probe":
            return 0, self.names, "", {}
        if command.startswith("apt-get"):
            return 0, "", "", {}
        process = await asyncio.create_subprocess_exec(
            "/bin/bash", "-c", command, start_new_session=True,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.started.set()
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            self.cancelled.set()
            raise
        row = {
            "id": new_id(), "command": command, "machine": MACHINE, "user": "root",
            "session": options.get("session", ""), "exit_status": process.returncode or 0,
            "started_at": datetime.now(UTC).isoformat(), "ended": "exit",
            "action": "install" if "install" in command else "read",
            "objects": command.split()[-1:] if "install" in command else [],
            "purpose": options.get("purpose", ""),
        }  # fmt: skip
        self.rows.insert(0, row)
        details = {"id": row["id"], "decision": "auto_allow", "duration_usec": 5, "ended": "exit"}
        return process.returncode or 0, out.decode(), err.decode(), details


class Memory(Interface):
    NAME = "org.aios.Memory1"
    PATH = "/org/aios/Memory1"

    def __init__(self, executor: Exec) -> None:
        super().__init__()
        self._exec = executor
        self.contents: list[str] = []
        self.items: list[dict[str, Any]] = []
        """What has to do with any prompt."""
        self.filters: list[dict[str, Any]] = []

    async def Create(self, call: Call, content: str, options: dict[str, Any]) -> str:
        self.contents.append(content)
        return new_id()

    async def Search(self, call: Call, query: str, options: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"content": content} for content in self.contents if query in content]

    async def Context(
        self, call: Call, prompt: str, options: dict[str, Any]
    ) -> list[dict[str, Any]]:
        return list(self.items)

    async def ListPreferences(self, call: Call, options: dict[str, Any]) -> list[dict[str, Any]]:
        return []

    async def History(self, call: Call, filter: dict[str, Any]) -> list[dict[str, Any]]:
        self.filters.append(filter)
        session = filter.get("session")
        return [
            row
            for row in self._exec.rows
            if row["purpose"] != "probe" and session in (None, row["session"])
        ]


@dataclass
class World:
    chat: Chat
    exec: Exec
    memory: Memory
    state: Path
    settings: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    caller: Caller = ROOT

    async def emit(self, kind: Kind, data: dict[str, Any]) -> None:
        self.events.append((str(kind), data))

    async def ask(self, session: str, prompt: str) -> Status:
        """One prompt; `events` are its alone."""
        self.events.clear()
        return await self.chat.ask(self.caller, session, prompt, "a-delegation", self.emit)

    def open(self) -> str:
        return self.chat.open(self.caller, MACHINE)

    def seen(self, kind: str) -> list[dict[str, Any]]:
        return [data for found, data in self.events if found == kind]

    def text(self) -> str:
        return "".join(data["text"] for data in self.seen("text"))


async def _serve(path: Path, interface: Interface) -> VarlinkServer:
    async def identify(pid: int, uid: int) -> Caller:
        return Caller(uid=uid, pid=pid)

    server = VarlinkServer([interface], identify, contextlib.nullcontext)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    await server.listen([listening])
    return server


def _bus(memory: Memory) -> BusCall:
    """machined and memory, without the bus between."""

    async def call(
        name: str, path: str, interface: str, member: str, signature: str, *arguments: Any
    ) -> list[Any]:
        if name == "org.freedesktop.machine1":
            return [{"ID": "debian", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}]
        assert signature == memory.contract.methods[member].in_signature
        return [await memory.method(member)(Call(ROOT), *arguments)]

    return call


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    sockets = tmp_path / "run"
    (sockets / "exec").mkdir(parents=True)
    executor = Exec()
    memory = Memory(executor)
    server = await _serve(sockets / "exec" / f"{MACHINE}.sock", executor)
    settings: dict[str, Any] = {}

    def load() -> config.Config:
        return config.Config(chat=config.Chat(**settings))

    mcp = Tools(tmp_path / "mcp", tmp_path / "mcp.json")
    store = Store(tmp_path / "sessions")
    chat = Chat(store, _bus(memory), mcp=mcp, load=load, sockets=sockets)
    yield World(chat, executor, memory, tmp_path / "sessions", settings)
    server.close()
    for task in list(server.tasks):
        task.cancel()


@pytest.fixture
def model(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Starts a model server with a script, and points the chat at it."""
    from loopback import serving

    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "aios.anthropic-api-key").write_text("sk-loopback\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with contextlib.ExitStack() as stack:

        def start(*script: dict[str, Any], **options: Any) -> Any:
            server = stack.enter_context(serving(list(script), **options))
            world.settings["base_url"] = server.url
            return server

        yield start
