"""Whether journald runs: a connection that it has answered on, and that the kernel says stands.

A record's socket says nothing: systemd holds it, and it takes records while nobody reads them. The
connection of a journald that ended is closed in the same moment, and one that does not run does
not answer on a new one.
"""

import asyncio
import socket
from pathlib import Path

from aios.errors import AuditUnavailable

SOCKET = Path("/run/systemd/journal/io.systemd.journal")
ANSWER_SECONDS = 10
# One that has no such method says so, which is an answer.
GREETING = "org.varlink.service.GetInfo"
SYNCHRONIZE = "io.systemd.Journal.Synchronize"


class Journald:
    def __init__(self, path: Path = SOCKET) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    async def require(self) -> None:
        """Raises AuditUnavailable unless it runs."""
        if not self._stands():
            await self._ask(GREETING)

    async def synchronize(self) -> None:
        """Until it has written what it had been sent. Raises AuditUnavailable."""
        await self._ask(SYNCHRONIZE)

    def _stands(self) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            pass
        # It ended, or says something that it was not asked.
        self.close()
        return False

    async def _ask(self, method: str) -> None:
        self.close()
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        opened.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await loop.sock_connect(opened, str(self._path))
                await loop.sock_sendall(opened, b'{"method": "%b"}\0' % method.encode())
                said = b"."
                while not said.endswith(b"\0"):
                    said = await loop.sock_recv(opened, 4096)
                    if not said:
                        raise ConnectionResetError("it closed the connection")
        except (OSError, TimeoutError) as error:
            opened.close()
            raise AuditUnavailable(
                f"systemd-journald does not answer ({error or 'time-out'}): no record can be "
                "written, so nothing runs",
                hint="systemctl start systemd-journald",
            ) from error
        except BaseException:
            opened.close()
            raise
        self.close()
        self._socket = opened

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
