"""dbus-next's connection with a socket side that carries descriptors soundly: what is received is
not inherited by children, what is sent is closed, and a full socket is waited for (its own writer
takes that for the connection's end)."""

import asyncio
import contextlib
import socket
from typing import Any

from dbus_next._private.unmarshaller import Unmarshaller
from dbus_next.aio.message_bus import MessageBus
from dbus_next.constants import BusType
from dbus_next.message import Message

from aios.channel import Outbox, close_all


class _Receiver:
    """The socket as the unmarshaller reads from it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def recvmsg(self, size: int, ancillary: int) -> tuple[bytes, list[Any], int, Any]:
        return self._socket.recvmsg(size, ancillary, socket.MSG_CMSG_CLOEXEC)


class _Writer:
    """In place of dbus-next's own, which `MessageBus` calls by these names."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def schedule_write(
        self, message: Message | None = None, future: asyncio.Future[None] | None = None
    ) -> None:
        if message is None:
            return  # "now you may": nothing was asked for earlier
        try:
            data = bytes(message._marshall(negotiate_unix_fd=True))  # type: ignore[no-untyped-call]
        except BaseException:
            close_all(message.unix_fds)
            raise
        self._outbox.put(data, tuple(message.unix_fds))
        if future is not None:
            future.set_result(None)


class Link(MessageBus):
    """`send` queues, and owns the message's descriptors; `sent` waits for what is queued."""

    def __init__(self, address: str | None = None) -> None:
        super().__init__(
            bus_address=address,  # type: ignore[arg-type]
            bus_type=BusType.SYSTEM,
            negotiate_unix_fd=True,
        )
        self._outbox = Outbox(self._sock, self._finalize)
        self._writer = _Writer(self._outbox)  # type: ignore[assignment]

    def _create_unmarshaller(self) -> Unmarshaller:
        return Unmarshaller(self._stream, _Receiver(self._sock))  # type: ignore[no-untyped-call]

    async def sent(self) -> None:
        await self._outbox.empty()

    def _finalize(self, err: Exception | None = None) -> None:
        self._outbox.close()
        super()._finalize(err)  # type: ignore[no-untyped-call]
        with contextlib.suppress(OSError):  # flushing what it has buffered
            self._stream.close()
        self._sock.close()
