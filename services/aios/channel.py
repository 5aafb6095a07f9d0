"""A stream socket of NUL-terminated messages, which can carry descriptors out.

asyncio's transports send no ancillary data. What a peer sends in that way the kernel closes, as no
room is given for it here; it says so (MSG_CTRUNC), and the peer is left.
"""

import array
import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

from aios.journal import log

HIGH_WATER = 64 * 1024
"""Bytes not yet taken by the peer, beyond which a sender waits."""
_CHUNK = 256 * 1024


def close_all(descriptors: Sequence[int]) -> None:
    for fd in descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)


class _Outgoing:
    """What is left of a message, and its descriptors until they are sent or given up."""

    def __init__(self, data: bytes, descriptors: Sequence[int]) -> None:
        self.left = memoryview(data)
        self._descriptors = descriptors

    def send(self, connection: socket.socket) -> None:
        """Descriptors travel with the first byte."""
        if self._descriptors:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", self._descriptors))
            sent = connection.sendmsg([self.left], [rights])
            self.drop()
        else:
            sent = connection.send(self.left)
        self.left = self.left[sent:]

    def drop(self) -> None:
        descriptors, self._descriptors = self._descriptors, ()
        close_all(descriptors)


class Outbox:
    """Messages on their way into a non-blocking socket, in order and whole.

    A sender that is cancelled while it waits leaves no half of a message behind: what is in here
    goes out whether or not somebody waits. `lost` is called, once and from the loop, when it
    cannot.
    """

    def __init__(self, connection: socket.socket, lost: Callable[[Exception], object]) -> None:
        self._socket = connection
        self._fd = connection.fileno()
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._messages: deque[_Outgoing] = deque()
        self._size = 0
        self._watching = False
        self._closed = False
        self._low = asyncio.Event()
        self._low.set()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Descriptors are the outbox's from here on, and closed once they are sent."""
        if self._closed:
            close_all(descriptors)
            return
        self._messages.append(_Outgoing(data, descriptors))
        self._size += len(data)
        if self._watching:
            self._mark()
        else:
            self.flush()

    def flush(self) -> None:
        """Sends what the socket takes now; the rest when it takes more."""
        try:
            while self._messages:
                message = self._messages[0]
                before = len(message.left)
                message.send(self._socket)
                self._size -= before - len(message.left)
                if not message.left:
                    self._messages.popleft()
        except (BlockingIOError, InterruptedError):
            self._watch()
        except OSError as error:
            self.close()
            self._loop.call_soon(self._lost, error)
            return
        else:
            self._unwatch()
        self._mark()

    def _mark(self) -> None:
        for event, reached in (
            (self._low, self._size <= HIGH_WATER),
            (self._empty, not self._size),
        ):
            if reached:
                event.set()
            else:
                event.clear()

    def _watch(self) -> None:
        if not self._watching:
            self._loop.add_writer(self._fd, self.flush)
            self._watching = True

    def _unwatch(self) -> None:
        if self._watching:
            self._loop.remove_writer(self._fd)
            self._watching = False

    async def low(self) -> None:
        """Until the peer has taken what it was sent, but for HIGH_WATER bytes."""
        await self._low.wait()

    async def empty(self) -> None:
        await self._empty.wait()

    def close(self) -> None:
        """Gives up what was not sent. The socket stays its owner's."""
        self._closed = True
        self._unwatch()
        for message in self._messages:
            message.drop()
        self._messages.clear()
        self._low.set()
        self._empty.set()


class Channel:
    """One peer. `gone` is set, and `lost` called, when it leaves or breaks a limit.

    account: is told how much more, or less, of what the peer has sent is held here, and answers
    whether that is not too much. A message counts until the next is asked for: its call is answered
    then.
    """

    def __init__(
        self,
        connection: socket.socket,
        lost: Callable[[], object],
        *,
        max_message: int,
        max_queued: int,
        account: Callable[[int], bool] = lambda _size: True,
    ) -> None:
        connection.setblocking(False)
        self.gone = asyncio.Event()
        self._socket = connection
        self._lost = lost
        self._max_message = max_message
        self._max_queued = max_queued
        self._account = account
        self._buffer = bytearray()
        self.held = 0
        """Bytes that have been accounted for."""
        self._in_use = 0
        """Of those, the message that was received last."""
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(connection, lambda _error: self.close())
        self._loop.add_reader(connection.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data, _, flags, _ = self._socket.recvmsg(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, flags = b"", 0
        if flags & socket.MSG_CTRUNC:
            log.warning("connection closed", reason="it sent descriptors")
            data = b""
        if not data:
            self.close()
            return
        self._buffer += data
        # What is there already is not looked at again: a peer may send a byte at a time.
        if b"\0" in data:
            *messages, self._buffer = self._buffer.split(b"\0")
            for message in messages:
                self._messages.put_nowait(bytes(message))
        if (
            not self._hold(len(data))
            or len(self._buffer) > self._max_message
            or self._messages.qsize() > self._max_queued
        ):
            self.close()

    def _hold(self, size: int) -> bool:
        self.held += size
        return self._account(size)

    async def receive(self) -> bytes | None:
        """The next message without its NUL; None when the peer has gone."""
        self._hold(-self._in_use)
        self._in_use = 0
        message = await self._messages.get()
        if message is not None and not self.gone.is_set():
            self._in_use = len(message) + 1
        return message

    async def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Queues it, after waiting for a slow reader. Descriptors are the channel's from here on.
        Raises ConnectionResetError when the peer has gone."""
        try:
            await self._outbox.low()
        except BaseException:
            close_all(descriptors)
            raise
        self._outbox.put(data, descriptors)
        if self.gone.is_set():
            raise ConnectionResetError

    async def drain(self) -> None:
        """Until the kernel has everything that was sent."""
        await self._outbox.empty()

    def close(self) -> None:
        if self.gone.is_set():
            return
        self.gone.set()
        self._loop.remove_reader(self._socket.fileno())
        self._outbox.close()
        self._socket.close()
        # Now, not when the garbage is collected: who is left for it had sent much.
        self._buffer.clear()
        while not self._messages.empty():
            self._messages.get_nowait()
        self._hold(-self.held)
        self._in_use = 0
        self._messages.put_nowait(None)
        self._lost()
