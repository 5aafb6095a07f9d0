"""The D-Bus door: a connection to the system bus. With bus_objects.py, bus_values.py and
bus_link.py all that imports dbus-next, which gives the wire format, the connection and the match
rules.

Descriptors that nobody here asked for are closed, and the call that brings them is refused.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dbus_next.constants import (
    ErrorType,
    MessageFlag,
    MessageType,
    NameFlag,
    RequestNameReply,
)
from dbus_next.message import Message

from aios.bus_link import Link
from aios.bus_objects import BusError, Objects
from aios.bus_values import body, from_dbus, take_descriptors
from aios.caller import Caller
from aios.channel import close_all
from aios.errors import AiosError, Busy, Unavailable, fault, from_name
from aios.interface import Interface
from aios.journal import log

DAEMON = "org.freedesktop.DBus"
DAEMON_PATH = "/org/freedesktop/DBus"
MAX_CALLS = 512
"""Of one connection at once. The daemon bounds those that want an answer, and only those."""
TOO_MANY = Busy("too many calls of this connection wait", hint="ask again when some are answered")
SignalHandler = Callable[[str, list[Any]], None]
"""(path, body)"""


@dataclass
class _Peer:
    """Somebody on the bus, for as long as they are there. Unique names are never used again."""

    gone: asyncio.Event = field(default_factory=asyncio.Event)
    caller: Caller | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """What serves their calls, and is cancelled when they leave."""


class Bus:
    """One connection to the system bus: calls out, signals in, and interfaces served."""

    def __init__(
        self, bus: Link, busy: Callable[[], contextlib.AbstractContextManager[None]]
    ) -> None:
        self.refusal: AiosError | None = None
        """What every call is answered with, where the service could not begin."""
        self._bus = bus
        self._busy = busy
        self._objects = Objects()
        self._peers: dict[str, _Peer] = {}
        self._signals: dict[tuple[str, str], list[SignalHandler]] = {}
        self._expected: dict[int, list[int]] = {}
        """Serials of calls whose answer may bring descriptors, which are put here."""

    @classmethod
    async def connect(
        cls, busy: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    ) -> "Bus":
        try:
            link = Link()
            await link.connect()
        except (OSError, EOFError) as error:
            raise Unavailable(f"no system bus: {error}") from error
        self = cls(link, busy)
        self._bus.add_message_handler(self._on_message)
        await self.subscribe(DAEMON, DAEMON, "NameOwnerChanged", self._name_changed)
        return self

    # Calls out

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *arguments: Any,
    ) -> list[Any]:
        """The reply's body in plain Python. Errors are AiosErrors: ours by name, the others
        Unavailable."""
        answer = await self._ask(
            Message(
                destination=destination,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body(signature, arguments),
            )
        )
        return [from_dbus(value) for value in answer.body]

    async def call_with_descriptors(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *arguments: Any,
    ) -> list[Any]:
        """As `call`; each output of type `h` is a descriptor, and the caller's to close."""
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body(signature, arguments),
            serial=self._bus.next_serial(),
        )
        received = self._expected[message.serial] = []
        try:
            answer = await self._ask(message)
            values = [from_dbus(value) for value in answer.body]
            return take_descriptors(answer.signature, values, received)
        except ValueError as error:
            raise Unavailable(f"{destination}: {error}") from error
        finally:
            del self._expected[message.serial]
            close_all(received)

    async def _ask(self, message: Message) -> Message:
        answer = await self._bus.call(message)
        if answer is None:
            raise Unavailable(f"{message.destination} did not answer")
        if answer.message_type == MessageType.ERROR:
            text = str(answer.body[0]) if answer.body else answer.error_name
            head, _, hint = text.partition("\n")
            raise from_name(answer.error_name, head, hint=hint)
        return answer

    async def subscribe(
        self, sender: str, interface: str, member: str, handler: SignalHandler
    ) -> None:
        rule = f"type='signal',sender='{sender}',interface='{interface}',member='{member}'"
        self._signals.setdefault((interface, member), []).append(handler)
        await self.call(DAEMON, DAEMON_PATH, DAEMON, "AddMatch", "s", rule)

    async def name_has_owner(self, name: str) -> bool:
        (answer,) = await self.call(DAEMON, DAEMON_PATH, DAEMON, "NameHasOwner", "s", name)
        return bool(answer)

    # Names

    async def request_name(self, name: str) -> None:
        answer = await self._bus.request_name(name, NameFlag.DO_NOT_QUEUE)
        if answer != RequestNameReply.PRIMARY_OWNER:
            raise Unavailable(f"{name} is owned by another process")

    async def release_name(self, name: str) -> None:
        await self._bus.release_name(name)
        # Whatever was sent to us before this round trip's answer has arrived by then.
        await self.call(DAEMON, DAEMON_PATH, DAEMON, "GetId")

    def disconnected(self) -> asyncio.Future[None]:
        gone: asyncio.Future[None] = asyncio.ensure_future(
            self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        )
        return gone

    # Interfaces served

    def export(self, interface: Interface) -> None:
        self._objects.add(interface)
        interface.emitters.append(self._emit)

    def _emit(
        self,
        interface: Interface,
        object_id: str,
        signal: str,
        values: tuple[Any, ...],
        to: str | None,
    ) -> None:
        signature = "".join(arg.type for arg in interface.contract.signals[signal])
        path = f"{interface.PATH}/{object_id}" if object_id else interface.PATH
        self._bus.send(
            Message(
                message_type=MessageType.SIGNAL,
                destination=to,  # type: ignore[arg-type]
                path=path,
                interface=interface.NAME,
                member=signal,
                signature=signature,
                body=body(signature, values),
            )
        )

    async def _identify(self, sender: str, peer: _Peer) -> Caller:
        """Who is behind a unique name: the daemon says so."""
        if peer.caller is None:
            (known,) = await self.call(
                DAEMON, DAEMON_PATH, DAEMON, "GetConnectionCredentials", "s", sender
            )
            if "UnixUserID" not in known:
                raise Unavailable(f"the bus does not know who {sender} is")
            peer.caller = Caller(
                uid=known["UnixUserID"], pid=known.get("ProcessID", 0), bus_name=sender
            )
        return peer.caller

    def _name_changed(self, path: str, values: list[Any]) -> None:
        name, _old, new = values
        if not new and (peer := self._peers.pop(name, None)):
            peer.gone.set()
            for task in peer.tasks:
                task.cancel()

    def _on_message(self, message: Message) -> Message | bool | None:
        descriptors, message.unix_fds = message.unix_fds, []
        if message.message_type == MessageType.METHOD_RETURN:
            expected = self._expected.get(message.reply_serial)
            if expected is None:
                close_all(descriptors)
            else:
                expected += descriptors
            return None
        close_all(descriptors)
        if message.message_type == MessageType.SIGNAL:
            self._signal(message)
            return None
        if message.message_type != MessageType.METHOD_CALL or message.interface == f"{DAEMON}.Peer":
            return None
        # Here, not in the task: what the daemon tells next may be that the sender has gone.
        peer = self._peers.setdefault(message.sender, _Peer())
        if len(peer.tasks) >= MAX_CALLS:
            self._reply(message, Message.new_error(message, TOO_MANY.name, str(TOO_MANY)))
            return True
        task = asyncio.get_running_loop().create_task(
            self._serve(message, peer, unasked=bool(descriptors))
        )
        peer.tasks.add(task)
        task.add_done_callback(peer.tasks.discard)
        return True

    def _signal(self, message: Message) -> None:
        # The daemon checks a match rule's sender; what is sent to us by name it passes on from
        # anybody.
        if message.destination and message.sender != DAEMON:
            return
        for handler in self._signals.get((message.interface, message.member), ()):
            handler(message.path, [from_dbus(value) for value in message.body])

    async def _serve(self, message: Message, peer: _Peer, *, unasked: bool) -> None:
        with self._busy():
            try:
                if unasked:
                    raise BusError(ErrorType.INVALID_ARGS, "no descriptors are taken here")
                self._reply(message, await self._answer(message, peer))
            except (AiosError, BusError) as error:
                self._reply(message, Message.new_error(message, error.name, str(error)))
            except Exception as error:
                log.exception("call failed", method=f"{message.interface}.{message.member}")
                told = fault(error)
                self._reply(message, Message.new_error(message, told.name, str(told)))
            await self._bus.sent()

    async def _answer(self, message: Message, peer: _Peer) -> Message:
        if self.refusal is not None:
            raise self.refusal
        caller = await self._identify(message.sender, peer)
        return await self._objects.answer(message, caller, peer.gone)

    def _reply(self, message: Message, answer: Message) -> None:
        if message.flags & MessageFlag.NO_REPLY_EXPECTED:
            close_all(answer.unix_fds)
        else:
            self._bus.send(answer)
