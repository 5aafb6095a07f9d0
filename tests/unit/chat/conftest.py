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
        self.jobs: dict[str, asyncio.Task[tuple[int, dict[str, Any]]]] = {}
        self.running = 0
        self.most = 0
        """That ran at once."""
        self.profile = "read-only"

    async def Start(
        self, call: Call, command: str, options: dict[str, Any]
    ) -> tuple[str, int, int, int]:
        self.options.append(options)
        self.commands.append(command)
        if "forbidden" in command:
            raise Denied("it is forbidden", hint="ask for less")
        if command.startswith("apt-get"):
            command = "true"
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        process = await asyncio.create_subprocess_exec(
            "/bin/bash", "-c", command, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=out_end, stderr=err_end,
        )  # fmt: skip
        os.close(out_end)
        os.close(err_end)
        job = new_id()
        self.jobs[job] = asyncio.ensure_future(self._follow(call, job, command, options, process))
        self.started.set()
        return job, os.open(os.devnull, os.O_WRONLY), out, err

    async def _follow(
        self, call: Call, job: str, command: str, options: dict[str, Any], process: Any
    ) -> tuple[int, dict[str, Any]]:
        gone = asyncio.ensure_future(call.gone.wait())
        end = asyncio.ensure_future(process.wait())
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.wait([gone, end], return_when=asyncio.FIRST_COMPLETED)
        self.running -= 1
        if not end.done():
            os.killpg(process.pid, signal.SIGKILL)
            self.cancelled.set()
        status = await end
        gone.cancel()
        self.rows.insert(0, _row(job, command, status, options))
        return status, {
            "id": job, "decision": "auto_allow", "profile": self.profile, "duration_usec": 5,
            "ended": "exit",
        }  # fmt: skip

    async def Run(
        self, call: Call, command: str, options: dict[str, Any]
    ) -> tuple[int, str, str, dict[str, Any]]:
        """Probes alone come by it."""
        self.options.append(options)
        self.commands.append(command)
        if "forbidden" in command:
            raise Denied("it is forbidden", hint="ask for less")
        return 0, self.names, "", {}


def _row(job: str, command: str, status: int, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": job, "command": command, "machine": MACHINE, "user": "root",
        "session": options.get("session", ""), "exit_status": status,
        "started_at": datetime.now(UTC).isoformat(), "ended": "exit",
        "action": "install" if "install" in command else "read",
        "objects": command.split()[-1:] if "install" in command else [],
        "purpose": options.get("purpose", ""),
    }  # fmt: skip


class Job(Interface):
    NAME = "org.aios.Exec1.Job"
    PATH = "/org/aios/Exec1/job"
    CHILDREN = True

    def __init__(self, executor: Exec) -> None:
        super().__init__()
        self._exec = executor

    def has(self, object_id: str, caller: Caller) -> bool:
        return object_id in self._exec.jobs

    async def Wait(self, call: Call) -> tuple[int, dict[str, Any]]:
        return await asyncio.shield(self._exec.jobs[call.object_id])


class Policy(Interface):
    NAME = "org.aios.Policy1"
    PATH = "/org/aios/Policy1"

    async def Check(self, call: Call, command: str, machine: str) -> tuple[str, dict[str, Any]]:
        return ("notify" if "touch" in command else "auto_allow"), {}


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
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def emit(self, kind: Kind, data: dict[str, Any]) -> None:
        self.events.append((str(kind), data))
        self.more.set()

    async def until(self, kind: str) -> None:
        """One of this kind was seen."""
        while not self.seen(kind):
            self.more.clear()
            await self.more.wait()

    async def ask(self, session: str, prompt: str) -> Status:
        """One prompt; `events` are its alone."""
        self.events.clear()
        return await self.chat.ask(self.caller, session, prompt, "a-delegation", self.emit)

    def open(self) -> str:
        return self.chat.open(self.caller, MACHINE)

    def seen(self, kind: str) -> list[dict[str, Any]]:
        return [data for found, data in self.events if found == kind]

    def printed(self) -> dict[str, str]:
        """What was shown of all commands' streams."""
        found = {"stdout": "", "stderr": ""}
        for data in self.seen("output"):
            found[data["stream"]] += data["text"]
        return found

    def text(self) -> str:
        return "".join(data["text"] for data in self.seen("text"))


async def _serve(path: Path, *interfaces: Interface) -> VarlinkServer:
    async def identify(pid: int, uid: int) -> Caller:
        return Caller(uid=uid, pid=pid)

    server = VarlinkServer(list(interfaces), identify, contextlib.nullcontext)
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
    servers = [
        await _serve(sockets / "exec" / f"{MACHINE}.sock", executor, Job(executor)),
        await _serve(sockets / "policy.sock", Policy()),
    ]
    settings: dict[str, Any] = {}

    def load() -> config.Config:
        return config.Config(chat=config.Chat(**settings))

    mcp = Tools(tmp_path / "mcp", tmp_path / "mcp.json")
    store = Store(tmp_path / "sessions")
    chat = Chat(store, _bus(memory), mcp=mcp, load=load, sockets=sockets)
    yield World(chat, executor, memory, tmp_path / "sessions", settings)
    for server in servers:
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
