"""Varlink calls out of a service: one connection per call.

Closing the connection is how a call is cancelled, so cancelling the task that waits in `call`
(or leaving `calling` by an exception) cancels the call in the service that answers it.
"""

import array
import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from aios.channel import close_all
from aios.errors import Unavailable, from_name
from aios.varlink import encode

MAX_REPLY = 32 * 1024 * 1024
"""Two streams of exec's output_limit, when every character of them is escaped in JSON."""
MAX_DESCRIPTORS = 16
_CHUNK = 256 * 1024


class Reply(NamedTuple):
    continues: bool
    parameters: dict[str, Any]
    descriptors: list[int]
    """Those that came with it, for whoever takes the reply to close."""


class Connection:
    """One connection, which may carry several calls, one after the other."""

    def __init__(self, path: Path, connected: socket.socket) -> None:
        self._path = path
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._scanned = 0
        self._descriptors: list[int] = []
        """Of the message that is not whole yet."""

    @classmethod
    async def open(cls, path: Path) -> Self:
        """OSError where nobody listens at `path`."""
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connecting.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connecting, str(path))
        except BaseException:
            connecting.close()
            raise
        return cls(path, connecting)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Also while somebody waits for a reply, as a generator that is left to the collector: the
        loop would take the next socket with this one's number for one that it watches."""
        self._unwatch()
        self._socket.close()
        close_all(self._descriptors)
        self._descriptors = []

    async def call(self, method: str, parameters: dict[str, Any]) -> Reply:
        """The answer. Errors are AiosErrors."""
        await self.send(method, parameters)
        return await self.reply(method)

    async def send(self, method: str, parameters: dict[str, Any], *, more: bool = False) -> None:
        message: dict[str, Any] = {"method": method, "parameters": parameters}
        try:
            await asyncio.get_running_loop().sock_sendall(
                self._socket, encode(message | {"more": True} if more else message)
            )
        except ConnectionError as error:
            raise self._gone(method) from error

    async def reply(self, method: str) -> Reply:
        """The next one. `method` is for errors."""
        try:
            message = json.loads(await self._message(method))
            answer = dict(message.get("parameters") or {})
        except (AttributeError, TypeError, ValueError, RecursionError) as error:
            raise Unavailable(f"{self._path.name} sent what is no answer: {error}") from error
        # A reply's descriptors come with its last byte at the latest.
        descriptors, self._descriptors = self._descriptors, []
        if "error" in message:
            close_all(descriptors)
            raise from_name(
                str(message["error"]),
                str(answer.get("message", answer)),
                hint=str(answer.get("hint", "")),
            )
        return Reply(message.get("continues") is True, answer, descriptors)

    async def _message(self, method: str) -> bytes:
        while (end := self._buffer.find(b"\0", self._scanned)) < 0:
            self._scanned = len(self._buffer)
            if self._scanned > MAX_REPLY:
                raise ValueError("too long")
            try:
                data = await self._receive()
            except ConnectionError as error:
                raise self._gone(method) from error
            if not data:
                raise self._gone(method)
            self._buffer += data
        message = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._scanned = 0
        return message

    async def _receive(self) -> bytes:
        room = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        while True:
            try:
                data, controls, _, _ = self._socket.recvmsg(_CHUNK, room, socket.MSG_CMSG_CLOEXEC)
                break
            except (BlockingIOError, InterruptedError):
                await self._readable()
        for level, kind, rights in controls:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found = array.array("i")
                found.frombytes(rights[: len(rights) - len(rights) % found.itemsize])
                self._descriptors += found
        return data

    async def _readable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_reader(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            self._unwatch()

    def _unwatch(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)

    def _gone(self, method: str) -> Unavailable:
        return Unavailable(
            f"{self._path.name} went away before it answered {method.rpartition('.')[2]}",
            hint="ask again; `journalctl -u 'aios-*'` says why",
        )


async def call(path: Path, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The reply's parameters. Errors are AiosErrors; OSError where nobody listens at `path`."""
    async with await Connection.open(path) as connection:
        reply = await connection.call(method, parameters)
        close_all(reply.descriptors)
        return reply.parameters


@contextlib.asynccontextmanager
async def calling(
    path: Path, method: str, parameters: dict[str, Any]
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The parameters of each reply to a call with `more`; leaving it ends the call."""
    async with await Connection.open(path) as connection:
        await connection.send(method, parameters, more=True)

        async def replies() -> AsyncIterator[dict[str, Any]]:
            while True:
                reply = await connection.reply(method)
                close_all(reply.descriptors)
                yield reply.parameters
                if not reply.continues:
                    return

        yield replies()
