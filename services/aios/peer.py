"""Calls to another of aios's services over one connection that is kept, one call at a time.

For services that ask each other often, and answer at once: the service looks up once who is behind
a connection, and JSON is read and written in C, where D-Bus takes Python several times as long.
Every call may be made again: one whose connection ends before the answer, because the service was
leaving or was killed, is sent once more to whatever answers then.
"""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

from aios.errors import Unavailable, from_name
from aios.varlink import encode

READ_SIZE = 65536


class Peer:
    """The service behind the socket `path`."""

    def __init__(self, path: Path, interface: str) -> None:
        self._path = path
        self._interface = interface
        self._socket: socket.socket | None = None
        self._turn = asyncio.Lock()

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The reply's parameters. Errors are AiosErrors; Unavailable where nobody answers. A call
        that is cancelled takes the connection along."""
        message = encode({"method": f"{self._interface}.{method}", "parameters": parameters})
        async with self._turn:
            kept = self._socket is not None
            try:
                answer = await self._exchange(message)
            except OSError as error:
                if not kept:
                    raise self._gone(method) from error
                try:
                    answer = await self._exchange(message)
                except OSError as again:
                    raise self._gone(method) from again
        content = json.loads(answer)
        values = content.get("parameters") or {}
        if "error" in content:
            raise from_name(
                str(content["error"]), str(values.get("message", values)),
                hint=str(values.get("hint", "")),
            )  # fmt: skip
        return dict(values)

    async def _exchange(self, message: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        connection = self._socket
        try:
            if connection is None:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
                connection.setblocking(False)
                self._socket = connection
                await loop.sock_connect(connection, str(self._path))
            await loop.sock_sendall(connection, message)
            answer = bytearray()
            while not answer.endswith(b"\0"):
                data = await loop.sock_recv(connection, READ_SIZE)
                if not data:
                    raise ConnectionResetError
                answer += data
        except BaseException:
            self.close()
            raise
        return bytes(answer[:-1])

    def _gone(self, method: str) -> Unavailable:
        return Unavailable(
            f"{self._path.name} went away before it answered {method}",
            hint="ask again; `journalctl -u 'aios-*'` says why",
        )

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
