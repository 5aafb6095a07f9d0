"""A D-Bus connection to a machine's own systemd that passes descriptors.

`systemd-stdio-bridge --machine=NAME` enters the machine and connects its stdin and stdout, one end
of a socketpair, to the bus in there; `.host` is the bus of the host itself. jeepney has the wire
format, the sockets are ours: dbus-next cannot be given a connected one, and jeepney's own asyncio
connection passes no descriptors.
"""

import array
import asyncio
import itertools
import os
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageFlag, MessageType, Parser
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.wrappers import new_method_call

from aios.errors import MachineNotRunning
from aios.ids import HOST

BRIDGE = "systemd-stdio-bridge"
SYSTEM_BUS = "/run/dbus/system_bus_socket"
OPEN_SECONDS = 10.0
CALL_SECONDS = 25.0
READ_SIZE = 65536
NO_DESCRIPTORS = array.array("i")

BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")

SignalHandler = Callable[[tuple[Any, ...]], None]
"""(body) of PropertiesChanged. Anybody on that bus can send one: it is a hint to look, no more."""


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

    def __init__(self, machine: str, sock: socket.socket, bridge: subprocess.Popen[bytes] | None):
        self.machine = machine
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._socket = sock
        self._bridge = bridge
        self._parser = Parser()
        self._serials = itertools.count(1)
        self._replies: dict[int, asyncio.Future[tuple[Any, ...]]] = {}
        self._handlers: dict[str, SignalHandler] = {}
        self._outgoing: deque[tuple[memoryview, array.array[int]]] = deque()
        """Bytes, and descriptors of our own that go with the first of them."""

    @classmethod
    async def open(cls, machine: str) -> "Link":
        """Raises MachineNotRunning where nobody answers."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                sock, bridge = await _connect(machine)
                self = cls(machine, sock, bridge)
                try:
                    await self._authenticate()
                    self._loop.add_reader(sock, self._readable)
                    await self.call(BUS, "Hello")
                except BaseException:
                    self.close()
                    raise
        except (OSError, TimeoutError, AuthenticationError, LinkLost, RemoteError) as error:
            raise MachineNotRunning(
                f"machine {machine} does not answer",
                hint="it may be starting or stopping: machinectl status " + machine,
            ) from error
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
            handler(())
        if self._bridge is not None:
            self._bridge.kill()
            self._bridge.wait()

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
        self._parser.add_data(data)
        while (message := self._parser.get_next_message()) is not None:
            self._dispatch(message)

    def _dispatch(self, message: Message) -> None:
        fields = message.header.fields
        if message.header.message_type is MessageType.signal:
            if fields.get(HeaderFields.member) == "PropertiesChanged":
                handler = self._handlers.get(fields[HeaderFields.path])
                if handler is not None:
                    handler(message.body)
            return
        reply = self._replies.pop(fields.get(HeaderFields.reply_serial, 0), None)
        if reply is None or reply.done():
            return
        if message.header.message_type is MessageType.error:
            text = str(message.body[0]) if message.body else ""
            reply.set_exception(RemoteError(fields[HeaderFields.error_name], text))
        else:
            reply.set_result(message.body)

    # Messages out

    def _send(self, message: Message) -> int:
        serial = next(self._serials)
        descriptors = array.array("i")
        data = message.serialise(serial, fds=descriptors)
        # A caller that is cancelled closes its own, and their numbers are used again.
        copies = array.array("i", [os.dup(descriptor) for descriptor in descriptors])
        self._outgoing.append((memoryview(data), copies))
        if len(self._outgoing) == 1:
            self._writable()
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
        reply: asyncio.Future[tuple[Any, ...]] = self._loop.create_future()
        # Whoever gave up waiting does not look at the error.
        reply.add_done_callback(lambda future: future.cancelled() or future.exception())
        if self.lost.done():
            reply.set_exception(LinkLost())
            return reply
        message = new_method_call(address, member, signature or None, arguments)
        serial = self._send(message)
        if self.lost.done():
            reply.set_exception(LinkLost())
        else:
            self._replies[serial] = reply
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

    def _post(self, address: DBusAddress, member: str, signature: str, *arguments: Any) -> None:
        """A call whose reply nobody needs."""
        if self.lost.done():
            return
        message = new_method_call(address, member, signature, arguments)
        message.header.flags |= MessageFlag.no_reply_expected
        self._send(message)

    def follow(self, path: str, handler: SignalHandler) -> bool:
        """`handler` gets the body of every PropertiesChanged of that object, and () when the
        connection goes. Calls sent afterwards are answered after the rule is in force. False when
        it takes the place of another."""
        known = path in self._handlers
        self._handlers[path] = handler
        if not known:
            self._post(BUS, "AddMatch", "s", _rule(path))
        return not known

    def unfollow(self, path: str) -> None:
        if self._handlers.pop(path, None) is not None:
            self._post(BUS, "RemoveMatch", "s", _rule(path))


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _rule(path: str) -> str:
    return (
        "type='signal',sender='org.freedesktop.systemd1',member='PropertiesChanged',"
        f"interface='org.freedesktop.DBus.Properties',path='{path}'"
    )


async def _connect(machine: str) -> tuple[socket.socket, subprocess.Popen[bytes] | None]:
    if machine == HOST:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, SYSTEM_BUS)
        except BaseException:
            sock.close()
            raise
        return sock, None
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            bridge = _start_bridge(machine, theirs)
        except BaseException:
            ours.close()
            raise
    ours.setblocking(False)
    return ours, bridge


def _start_bridge(machine: str, sock: socket.socket) -> subprocess.Popen[bytes]:
    # Not asyncio's: its process would outlive a link that is closed. Without NOTIFY_SOCKET, which
    # is this service's own.
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    return subprocess.Popen(
        [BRIDGE, f"--machine={machine}"], stdin=sock.fileno(), stdout=sock.fileno(), env=environment
    )
