"""A D-Bus connection to a machine's own systemd that passes descriptors.

It is systemd's own socket, /run/systemd/private, not the machine's bus: no daemon in between, whose
restart would cut off what runs, and a machine without a bus is governed as well. systemd tells whom
it serves there of every change, asked or not, and counts no references of theirs. jeepney has the
wire format; its own connections pass no descriptors.
"""

import array
import asyncio
import itertools
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, Message, MessageFlag, MessageType
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.wrappers import new_method_call

from aios.exec import enter, wire
from aios.exec.wire import Incoming, Property
from aios.ids import HOST
from aios.journal import log

PRIVATE = "/run/systemd/private"
OURS = b"/org/freedesktop/systemd1/unit/run_2daios_2d"
"""In the path of each unit that somebody follows."""
OPEN_SECONDS = 10.0
CALL_SECONDS = 25.0
READ_SIZE = 65536
NO_DESCRIPTORS = array.array("i")

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = DBusAddress("/org/freedesktop/systemd1", SYSTEMD, f"{SYSTEMD}.Manager")
STATE = DBusAddress(MANAGER.object_path, SYSTEMD, "org.freedesktop.DBus.Properties")


SignalHandler = Callable[[Incoming | None], None]
"""A PropertiesChanged of systemd's own; None: look, something may have been missed."""


class RemoteError(Exception):
    """An error reply from within the machine."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class LinkLost(Exception):
    """The connection went while something depended on it."""


class Link:
    """Calls out, and PropertiesChanged in. `lost` is done when the connection is gone."""

    def __init__(self, machine: str, sock: socket.socket):
        self.machine = machine
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._socket = sock
        self._buffer = wire.Buffer()
        self._serials = itertools.count(1)
        self._replies: dict[int, asyncio.Future[tuple[Any, ...]]] = {}
        self.root = Path("/")
        """Its files, as the host sees them."""
        self.cgroup: Path | None = None
        """That of all the machine's slices, on the host; None: unknown."""
        self.booting = False
        """It may have no file systems yet: a command waits for them."""
        self.missing: set[str] = set()
        """Properties that this systemd does not know, or knows nothing of."""
        self._handlers: dict[str, SignalHandler] = {}
        self._outgoing: deque[tuple[memoryview, array.array[int]]] = deque()
        """Bytes, and descriptors of our own that go with the first of them."""

    @classmethod
    async def open(cls, machine: str, leader: int) -> "Link":
        """`leader`: the pid of its init, on the host. Raises LinkLost where nobody answers."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                sock = await _connect(machine, leader)
                self = cls(machine, sock)
                try:
                    await self._authenticate()
                    self._loop.add_reader(sock, self._readable)
                    await self.look()
                except BaseException:
                    self.close()
                    raise
        except (OSError, TimeoutError, AuthenticationError, RemoteError) as error:
            raise LinkLost from error
        return self

    async def _authenticate(self) -> None:
        conversation = Authenticator(enable_fds=True)
        for request in conversation:
            await self._loop.sock_sendall(self._socket, request)
            answer = await self._loop.sock_recv(self._socket, 1024)
            if not answer:
                raise LinkLost
            conversation.feed(answer)
        await self._loop.sock_sendall(self._socket, BEGIN)

    def close(self) -> None:
        if self.lost.done():
            return
        self.lost.set_result(None)
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(LinkLost())
        self._replies.clear()
        for _, descriptors in self._outgoing:
            _close_all(descriptors)
        self._outgoing.clear()
        for handler in list(self._handlers.values()):
            handler(None)

    # Messages in

    def _readable(self) -> None:
        try:
            data, _, _, _ = self._socket.recvmsg(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._buffer.add(data)
        try:
            for message in self._buffer.messages(OURS):
                if message.kind is MessageType.signal:
                    self._signal(message)
                else:
                    self._reply(message)
        except (wire.Broken, ValueError, TypeError) as error:
            log.warning("the machine's bus makes no sense", machine=self.machine, reason=str(error))
            self.close()

    def _signal(self, message: Incoming) -> None:
        found = self._handlers.get(message.path)
        if found is not None and message.member == "PropertiesChanged":
            found(message)

    def _reply(self, message: Incoming) -> None:
        reply = self._replies.get(message.serial)
        if reply is None:
            return
        # One that cannot be read ends the link, and that its caller's waiting.
        body = message.body()
        del self._replies[message.serial]
        if reply.done():
            return
        if message.kind is MessageType.error:
            reply.set_exception(RemoteError(message.error, str(body[0]) if body else ""))
        else:
            reply.set_result(body)

    # Messages out

    def _send(self, data: bytes, descriptors: "array.array[int]") -> None:
        # A caller that is cancelled closes its own, and their numbers are used again.
        copies = array.array("i", [os.dup(descriptor) for descriptor in descriptors])
        self._outgoing.append((memoryview(data), copies))
        if len(self._outgoing) == 1:
            self._writable()

    def _send_message(self, message: Message) -> int:
        serial = next(self._serials)
        descriptors = array.array("i")
        data = message.serialise(serial, fds=descriptors)
        self._send(data, descriptors)
        return serial

    def _writable(self) -> None:
        while self._outgoing:
            data, descriptors = self._outgoing[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if descriptors else []
            try:
                sent = self._socket.sendmsg([data], rights)
            except BlockingIOError:
                self._loop.add_writer(self._socket, self._writable)
                return
            except OSError:
                self.close()
                return
            _close_all(descriptors)
            if sent < len(data):
                self._outgoing[0] = (data[sent:], NO_DESCRIPTORS)
            else:
                self._outgoing.popleft()
        self._loop.remove_writer(self._socket)

    def start_call(
        self, address: DBusAddress, member: str, signature: str = "", *arguments: Any
    ) -> asyncio.Future[tuple[Any, ...]]:
        """Sends in the order of the calls. The future fails with RemoteError or LinkLost."""
        reply = self._future()
        if reply.done():
            return reply
        message = new_method_call(address, member, signature or None, arguments)
        self._expect(self._send_message(message), reply)
        return reply

    def _expect(self, serial: int, reply: asyncio.Future[tuple[Any, ...]]) -> None:
        if self.lost.done():
            reply.set_exception(LinkLost())
        else:
            self._replies[serial] = reply

    def start_unit(
        self, name: str, properties: Sequence[Property]
    ) -> asyncio.Future[tuple[Any, ...]]:
        """StartTransientUnit, like `start_call`."""
        reply = self._future()
        if not reply.done():
            serial, descriptors = next(self._serials), array.array("i")
            self._send(wire.start_unit(MANAGER, name, properties, serial, descriptors), descriptors)
            self._expect(serial, reply)
        return reply

    def _future(self) -> asyncio.Future[tuple[Any, ...]]:
        reply: asyncio.Future[tuple[Any, ...]] = self._loop.create_future()
        # Whoever gave up waiting does not look at the error.
        reply.add_done_callback(lambda future: future.cancelled() or future.exception())
        if self.lost.done():
            reply.set_exception(LinkLost())
        return reply

    async def call(
        self, address: DBusAddress, member: str, signature: str = "", *arguments: Any
    ) -> tuple[Any, ...]:
        """The reply's body; variants are (signature, value)."""
        return await self.answer(self.start_call(address, member, signature, *arguments))

    async def answer(self, reply: asyncio.Future[tuple[Any, ...]]) -> tuple[Any, ...]:
        """A machine that does not answer in time is as good as lost."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await reply
        except TimeoutError:
            self.close()
            raise LinkLost from None

    def post(self, address: DBusAddress, member: str, signature: str, *arguments: Any) -> None:
        """A call whose reply nobody needs."""
        if self.lost.done():
            return
        message = new_method_call(address, member, signature, arguments)
        message.header.flags |= MessageFlag.no_reply_expected
        self._send_message(message)

    async def look(self) -> None:
        """Whether it is booting."""
        ((_, state),) = await self.call(STATE, "Get", "ss", MANAGER.interface, "SystemState")
        self.booting = state in ("initializing", "starting")

    def follow(self, path: str, handler: SignalHandler) -> None:
        """`handler` gets every PropertiesChanged of that object, and None when the connection
        goes."""
        self._handlers[path] = handler

    def unfollow(self, path: str) -> None:
        self._handlers.pop(path, None)


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


async def _connect(machine: str, leader: int) -> socket.socket:
    if machine != HOST:
        sock = await enter.connect(leader, PRIVATE)
    else:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, PRIVATE)
        except BaseException:
            sock.close()
            raise
    sock.setblocking(False)
    return sock
