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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, Message, MessageFlag, MessageType
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.wrappers import new_method_call

from aios.exec import wire
from aios.exec.wire import Incoming, Property
from aios.ids import HOST

BRIDGE = "systemd-stdio-bridge"
SYSTEM_BUS = "/run/dbus/system_bus_socket"
OPEN_SECONDS = 10.0
CALL_SECONDS = 25.0
READ_SIZE = 65536
MAX_UNANSWERED = 100
"""Calls on their way. dbus-daemon refuses those that would make more than 128."""
NO_DESCRIPTORS = array.array("i")

BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = DBusAddress("/org/freedesktop/systemd1", SYSTEMD, f"{SYSTEMD}.Manager")

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

    def __init__(self, machine: str, sock: socket.socket, bridge: subprocess.Popen[bytes] | None):
        self.machine = machine
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._socket = sock
        self._bridge = bridge
        self._buffer = wire.Buffer()
        self._serials = itertools.count(1)
        self._replies: dict[int, asyncio.Future[tuple[Any, ...]]] = {}
        self._systemd = ""
        """Its unique name. The daemon checks the sender in a rule, and says who sent a message;
        what is sent to us by name it passes on from anybody."""
        self.cgroup: Path | None = None
        """That of all the machine's slices, on the host; None: unknown."""
        self.missing: set[str] = set()
        """Properties that this systemd does not know, or knows nothing of."""
        self._handlers: dict[str, SignalHandler] = {}
        self._outgoing: deque[tuple[memoryview, array.array[int], bool]] = deque()
        """Bytes, descriptors of our own that go with the first of them, whether a reply comes."""
        self._unanswered = 0

    @classmethod
    async def open(cls, machine: str) -> "Link":
        """Raises LinkLost where nobody answers."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                sock, bridge = await _connect(machine)
                self = cls(machine, sock, bridge)
                try:
                    await self._authenticate()
                    self._loop.add_reader(sock, self._readable)
                    await self.call(BUS, "Hello")
                    self.post(BUS, "AddMatch", "s", OWNER)
                    (self._systemd,) = await self.call(BUS, "GetNameOwner", "s", SYSTEMD)
                    # Without it systemd tells nobody of what changes.
                    await self.call(MANAGER, "Subscribe")
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
        for _, descriptors, _ in self._outgoing:
            _close_all(descriptors)
        self._outgoing.clear()
        for handler in list(self._handlers.values()):
            handler(None)
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
        self._buffer.add(data)
        for message in self._buffer.messages():
            if message.kind is MessageType.signal:
                self._signal(message)
            else:
                self._reply(message)

    def _signal(self, message: Incoming) -> None:
        if message.member == "NameOwnerChanged" and message.sender == BUS.bus_name:
            name, _, owner = message.body()
            if name == SYSTEMD:
                # It executed itself anew: what it said under its old name, we may have missed.
                self._systemd = owner
                for handler in list(self._handlers.values()):
                    handler(None)
        elif message.member == "PropertiesChanged" and message.sender == self._systemd:
            found = self._handlers.get(message.path)
            if found is not None:
                found(message)

    def _reply(self, message: Incoming) -> None:
        self._unanswered -= 1
        if self._outgoing and self._unanswered < MAX_UNANSWERED:
            self._writable()
        reply = self._replies.pop(message.serial, None)
        if reply is None or reply.done():
            return
        body = message.body()
        if message.kind is MessageType.error:
            reply.set_exception(RemoteError(message.error, str(body[0]) if body else ""))
        else:
            reply.set_result(body)

    # Messages out

    def _send(self, data: bytes, descriptors: "array.array[int]", *, answered: bool = True) -> None:
        # A caller that is cancelled closes its own, and their numbers are used again.
        copies = array.array("i", [os.dup(descriptor) for descriptor in descriptors])
        self._outgoing.append((memoryview(data), copies, answered))
        if len(self._outgoing) == 1:
            self._writable()

    def _send_message(self, message: Message) -> int:
        serial = next(self._serials)
        descriptors = array.array("i")
        data = message.serialise(serial, fds=descriptors)
        answered = not message.header.flags & MessageFlag.no_reply_expected
        self._send(data, descriptors, answered=answered)
        return serial

    def _writable(self) -> None:
        while self._outgoing:
            data, descriptors, answered = self._outgoing[0]
            if answered and self._unanswered >= MAX_UNANSWERED:
                break  # `_reply` goes on
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
                self._outgoing[0] = (data[sent:], NO_DESCRIPTORS, answered)
            else:
                self._outgoing.popleft()
                self._unanswered += answered
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

    def follow(self, path: str, handler: SignalHandler) -> bool:
        """`handler` gets every PropertiesChanged of that object from systemd, and None when the
        connection goes. Calls sent afterwards are answered after the rule is in force. False when
        it takes the place of another."""
        known = path in self._handlers
        self._handlers[path] = handler
        if not known:
            self.post(BUS, "AddMatch", "s", _rule(path))
        return not known

    def unfollow(self, path: str) -> None:
        if self._handlers.pop(path, None) is not None:
            self.post(BUS, "RemoveMatch", "s", _rule(path))


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


OWNER = (
    f"type='signal',sender='{BUS.bus_name}',member='NameOwnerChanged',"
    f"interface='{BUS.interface}',arg0='{SYSTEMD}'"
)


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
