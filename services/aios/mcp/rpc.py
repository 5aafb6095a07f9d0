"""MCP from the client's side, over a pair of pipes. Standard library only.

The SDK's client would do the same with 42 MiB more in aios-chat's process and half a second of CPU
at the first use (measured with 2.3), and validates with models what is passed on as it is. Here is
what a client without sampling, roots and elicitation needs: the handshake, tools, cancelling, ping.
A server is anybody's program: each line, list and text from it has a limit, and what it says is
never more than data.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from aios import __version__
from aios.errors import AiosError, Unavailable
from aios.text import visible

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Of the handshake; those of the same shape for what is used here."""
START_SECONDS = 120.0
"""A server may be downloaded first (npx, uvx)."""
CALL_SECONDS = 600.0
MAX_LINE = 8 * 1024 * 1024
MAX_NOISE = 200
"""Lines that are no message, as of servers that print a greeting."""
MAX_TOOLS = 128
MAX_PAGES = 32
_STDERR_TAIL = 2000
_NO_METHOD = -32601

Message = dict[str, Any]


class Pipes(NamedTuple):
    """Our ends, which are the Peer's once it has them."""

    stdin: int
    stdout: int
    stderr: int


class Peer:
    """One server. `changed`: its tools are not those that `tools` gave last, or it never did."""

    def __init__(self, name: str, pipes: Pipes) -> None:
        self.name = name
        self.changed = True
        self._pipes = pipes
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._sending = asyncio.Lock()
        self._said = b""
        self._died: AiosError | None = None
        os.set_blocking(pipes.stdin, False)
        self._unread = {pipes.stdout, pipes.stderr}
        """Those that no transport has yet, which closes what it has."""
        self._tasks: list[asyncio.Task[None]] = []
        self._transports: list[asyncio.BaseTransport] = []

    @property
    def dead(self) -> bool:
        return self._died is not None

    async def start(self) -> None:
        """Raises Unavailable for what does not speak MCP."""
        stdout = await self._reader(self._pipes.stdout, MAX_LINE)
        stderr = await self._reader(self._pipes.stderr, _STDERR_TAIL)
        self._tasks += [
            asyncio.create_task(self._listen(stdout)), asyncio.create_task(self._drain(stderr)),
        ]  # fmt: skip
        answer = await self.ask(
            "initialize",
            {
                "protocolVersion": VERSIONS[0],
                "capabilities": {},
                "clientInfo": {"name": "aios", "version": __version__},
            },
            START_SECONDS,
        )
        if answer.get("protocolVersion") not in VERSIONS:
            version = visible(str(answer.get("protocolVersion")))[:40]
            raise Unavailable(f"MCP server {self.name} speaks another protocol: {version}")
        await self._send({"method": "notifications/initialized"})

    async def _reader(self, fd: int, limit: int) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=limit)
        self._unread.remove(fd)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
        )
        self._transports.append(transport)
        return reader

    async def tools(self) -> list[Message]:
        """As the server lists them, those that are objects with a name."""
        self.changed = False
        found: list[Message] = []
        cursor: dict[str, Any] = {}
        for _page in range(MAX_PAGES):
            answer = await self.ask("tools/list", cursor, START_SECONDS)
            listed = answer.get("tools")
            if not isinstance(listed, list):
                raise Unavailable(f"MCP server {self.name} lists no tools")
            found += [
                one for one in listed if isinstance(one, dict) and isinstance(one.get("name"), str)
            ]
            following = answer.get("nextCursor")
            if not isinstance(following, str) or len(found) >= MAX_TOOLS:
                break
            cursor = {"cursor": following}
        return found[:MAX_TOOLS]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Message:
        return await self.ask(
            "tools/call", {"name": tool, "arguments": dict(arguments)}, CALL_SECONDS
        )

    async def ask(self, method: str, parameters: Message, seconds: float) -> Message:
        """The result. Raises Unavailable: it is gone, is silent for so long, or says no."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._send({"id": number, "method": method, "params": parameters})
                return dict(await answer)
        except TimeoutError as error:
            await self._cancel(number)
            raise Unavailable(
                f"MCP server {self.name} did not answer {method} in {seconds:g} s"
            ) from error
        except asyncio.CancelledError:
            await self._cancel(number)
            raise
        finally:
            del self._answers[number]

    async def _cancel(self, number: int) -> None:
        cancelled = {"requestId": number, "reason": "cancelled"}
        with contextlib.suppress(AiosError, TimeoutError):
            async with asyncio.timeout(1):
                await self._send({"method": "notifications/cancelled", "params": cancelled})

    async def _send(self, message: Message) -> None:
        line = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        async with self._sending:
            left = memoryview(line)
            while left:
                if self._died:
                    raise self._died
                try:
                    left = left[os.write(self._pipes.stdin, left) :]
                except BlockingIOError:
                    await self._writable()
                except OSError:
                    # Its end is read, with what it said, by who listens.
                    await asyncio.wait(self._tasks, timeout=1)
                    raise self._died or self._gone() from None

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._pipes.stdin, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._pipes.stdin)

    async def _listen(self, stdout: asyncio.StreamReader) -> None:
        noise = 0
        try:
            while line := await stdout.readline():
                try:
                    message = json.loads(line)
                except (ValueError, RecursionError):
                    message = None
                if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
                    await self._take(message)
                elif (noise := noise + 1) > MAX_NOISE:
                    break
            # What it said last may come a moment after its end.
            await asyncio.wait(self._tasks[1:], timeout=0.5)
        except (ValueError, OSError, AiosError):
            pass  # a line without an end, or nobody reads ours: it is left
        self._die(self._gone())

    async def _take(self, message: Message) -> None:
        if "method" not in message:
            self._answered(message)
        elif message.get("id") is None:
            self.changed |= message["method"] == "notifications/tools/list_changed"
        elif message["method"] == "ping":
            await self._send({"id": message["id"], "result": {}})
        else:
            error = {"code": _NO_METHOD, "message": "aios asks its servers, and answers nothing"}
            await self._send({"id": message["id"], "error": error})

    def _answered(self, message: Message) -> None:
        number = message.get("id")
        answer = self._answers.get(number) if isinstance(number, int) else None
        if answer is None or answer.done():
            return  # cancelled meanwhile, or never asked
        result, error = message.get("result"), message.get("error")
        if isinstance(result, dict):
            answer.set_result(result)
            return
        said = error.get("message") if isinstance(error, dict) else "nothing that is a result"
        answer.set_exception(
            Unavailable(f"MCP server {self.name} says: {visible(str(said)[:500])}")
        )

    async def _drain(self, stderr: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while part := await stderr.read(4096):
                self._said = (self._said + part)[-_STDERR_TAIL:]

    def _gone(self) -> AiosError:
        said = visible(self._said.decode(errors="replace").strip().replace("\n", " | "))
        return Unavailable(
            f"MCP server {self.name} ended or does not speak MCP", hint=f"it said: {said}"
        )

    def _die(self, error: AiosError) -> None:
        self._died = self._died or error
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._died)

    def close(self) -> None:
        """Its input ends, by which it should; who started it stops it in any case."""
        self._die(Unavailable(f"MCP server {self.name} is stopped"))
        for task in self._tasks:
            task.cancel()
        for transport in self._transports:
            transport.close()
        for fd in (self._pipes.stdin, *self._unread):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._unread.clear()
