"""The D-Bus door. With bus_values.py and bus_link.py all that imports dbus-next.

Methods are dispatched here from the interfaces' XML, not by dbus-next's decorators: those never
say who called, and send tracebacks to the caller. dbus-next gives the wire format, the connection
and the match rules.

A method's output of type `h` is a descriptor that is the door's from then on. Descriptors that
nobody here asked for are closed, and the call that brings them is refused.
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
from dbus_next.signature import Variant

from aios.bus_link import Link
from aios.bus_values import (
    body,
    from_dbus,
    paths,
    property_value,
    take_descriptors,
)
from aios.caller import Caller
from aios.channel import close_all
from aios.contract import Method
from aios.errors import AiosError, Unavailable, fault, from_name
from aios.interface import Call, Interface
from aios.journal import log

DAEMON = "org.freedesktop.DBus"
DAEMON_PATH = "/org/freedesktop/DBus"
INTROSPECTABLE = f"{DAEMON}.Introspectable"
PROPERTIES = f"{DAEMON}.Properties"
HEADER = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)
STANDARD = (
    f'<interface name="{INTROSPECTABLE}"><method name="Introspect">'
    '<arg name="xml_data" type="s" direction="out"/></method></interface>\n'
    f'<interface name="{PROPERTIES}"><method name="Get">'
    '<arg name="interface_name" type="s" direction="in"/>'
    '<arg name="property_name" type="s" direction="in"/>'
    '<arg name="value" type="v" direction="out"/></method>'
    '<method name="GetAll"><arg name="interface_name" type="s" direction="in"/>'
    '<arg name="properties" type="a{sv}" direction="out"/></method></interface>'
)

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
        self._interfaces: dict[str, list[Interface]] = {}
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
        self._interfaces.setdefault(interface.PATH, []).append(interface)
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
                    raise _BusError(ErrorType.INVALID_ARGS, "no descriptors are taken here")
                self._reply(message, await self._dispatch(message, peer))
            except AiosError as error:
                self._reply(message, Message.new_error(message, error.name, str(error)))
            except _BusError as error:
                self._reply(message, Message.new_error(message, error.name, str(error)))
            except Exception as error:
                log.exception("call failed", method=f"{message.interface}.{message.member}")
                told = fault(error)
                self._reply(message, Message.new_error(message, told.name, str(told)))
            await self._bus.sent()

    def _reply(self, message: Message, answer: Message) -> None:
        if message.flags & MessageFlag.NO_REPLY_EXPECTED:
            close_all(answer.unix_fds)
        else:
            self._bus.send(answer)

    def _find(self, path: str, caller: Caller) -> list[tuple[Interface, str]]:
        """The interfaces at a path that the caller may know of, each with the child's id."""
        here = [(i, "") for i in self._interfaces.get(path, ()) if not i.CHILDREN]
        parent, _, child = path.rpartition("/")
        children = [i for i in self._interfaces.get(parent, ()) if i.CHILDREN]
        return here + [(i, child) for i in children if i.has(child, caller)]

    async def _dispatch(self, message: Message, peer: _Peer) -> Message:
        if self.refusal is not None:
            raise self.refusal
        caller = await self._identify(message.sender, peer)
        here = self._find(message.path, caller)
        if message.interface == INTROSPECTABLE and message.member == "Introspect":
            return Message.new_method_return(
                message, "s", [self._introspect(message.path, here, caller)]
            )
        if not here:
            raise _BusError(ErrorType.UNKNOWN_OBJECT, f"no object {message.path}")
        if message.interface == PROPERTIES:
            return await self._properties(message, here, Call(caller, gone=peer.gone))
        interface, object_id, method = _method(message, here)
        if message.signature != method.in_signature:
            raise _BusError(
                ErrorType.INVALID_ARGS,
                f"{method.name} takes '{method.in_signature}', not '{message.signature}'",
            )
        call = Call(caller, object_id=object_id, gone=peer.gone)
        values = [from_dbus(value) for value in message.body]
        return _returned(
            message, interface, method, await interface.method(method.name)(call, *values)
        )

    def _introspect(self, path: str, here: list[tuple[Interface, str]], caller: Caller) -> str:
        parts = [interface.contract.xml for interface, _ in here]
        if parts:
            parts.append(STANDARD)
        prefix = path if path == "/" else f"{path}/"
        below = {p[len(prefix) :].split("/")[0] for p in self._interfaces if p.startswith(prefix)}
        for interface in self._interfaces.get(path, ()):
            if interface.CHILDREN:
                below.update(interface.children(caller))
        parts += [f'<node name="{name}"/>' for name in sorted(below - {""})]
        return f"{HEADER}<node>\n" + "\n".join(parts) + "\n</node>\n"

    async def _properties(
        self, message: Message, here: list[tuple[Interface, str]], call: Call
    ) -> Message:
        wanted = {"Get": "ss", "GetAll": "s", "Set": "ssv"}.get(message.member)
        if wanted is None or message.signature != wanted:
            raise _BusError(ErrorType.UNKNOWN_METHOD, f"no method {message.member} of properties")
        name = message.body[0]
        found = [(i, object_id) for i, object_id in here if name == i.NAME]
        if not found:
            raise _BusError(ErrorType.UNKNOWN_INTERFACE, f"no interface '{name}' here")
        interface, call.object_id = found[0]

        async def value(name: str) -> Variant:
            kind = interface.contract.properties[name]
            raw = await interface.property(call, name)
            return property_value(kind, paths(raw, kind, interface.OBJECTS))

        if message.member == "GetAll":
            values = {name: await value(name) for name in interface.contract.properties}
            return Message.new_method_return(message, "a{sv}", [values])
        if message.body[1] not in interface.contract.properties:
            raise _BusError(ErrorType.UNKNOWN_PROPERTY, f"no property '{message.body[1]}' here")
        if message.member == "Set":
            raise _BusError(ErrorType.PROPERTY_READ_ONLY, f"{message.body[1]} is only read")
        return Message.new_method_return(message, "v", [await value(message.body[1])])


def _returned(message: Message, interface: Interface, method: Method, result: Any) -> Message:
    """The answer to a call. Descriptors are closed when it cannot be made."""
    outputs, descriptors = method.returned(result)
    try:
        values = tuple(
            paths(value, arg.type, interface.OBJECTS)
            for arg, value in zip(method.outputs, outputs, strict=True)
        )
        signature = method.out_signature
        return Message.new_method_return(
            message, signature, body(signature, values), unix_fds=descriptors
        )
    except BaseException:
        close_all(descriptors)
        raise


def _method(message: Message, here: list[tuple[Interface, str]]) -> tuple[Interface, str, Method]:
    for interface, object_id in here:
        if message.interface in (None, "", interface.NAME):
            method = interface.contract.methods.get(message.member)
            if method is not None:
                return interface, object_id, method
    raise _BusError(ErrorType.UNKNOWN_METHOD, f"no method {message.interface}.{message.member}")


class _BusError(Exception):
    """One of the bus's own errors."""

    def __init__(self, kind: ErrorType, text: str) -> None:
        super().__init__(text)
        self.name = kind.value
