"""The D-Bus door, and the only module that imports dbus-next.

Methods are dispatched here from the interfaces' XML, not by dbus-next's decorators: those never
say who called, and send tracebacks to the caller. dbus-next gives the wire format, the connection
and the match rules.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import structlog
from dbus_next.aio.message_bus import MessageBus
from dbus_next.constants import BusType, ErrorType, MessageType, NameFlag, RequestNameReply
from dbus_next.message import Message
from dbus_next.signature import SignatureTree, SignatureType, Variant

from aios.caller import Caller
from aios.contract import Method
from aios.errors import AiosError, Internal, Unavailable, from_name
from aios.interface import Call, Interface

DAEMON = "org.freedesktop.DBus"
DAEMON_PATH = "/org/freedesktop/DBus"
INTROSPECTABLE = f"{DAEMON}.Introspectable"
PROPERTIES = f"{DAEMON}.Properties"
HEADER = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)

# Types of `a{sv}` values that are not what their Python type suggests (see `variant`).
TYPES = {
    "exit_status": "i",
    "signal": "i",
    "uid": "u",
    "by_uid": "u",
    "limit": "u",
    "offset": "u",
    "steps": "u",
}


class Typed(NamedTuple):
    """A value of an `a{sv}` whose type another service's interface prescribes."""

    type: str
    value: Any


SignalHandler = Callable[[str, list[Any]], None]
"""(path, body)"""
log = structlog.get_logger()


def variant(key: str, value: Any) -> Variant:
    """A value of an `a{sv}`: its type by key, else by its Python type."""
    if isinstance(value, Typed):
        return Variant(value.type, value.value)
    if key in TYPES:
        return Variant(TYPES[key], value)
    if isinstance(value, bool):
        return Variant("b", value)
    if isinstance(value, int):
        return Variant("t" if value >= 0 else "x", value)
    if isinstance(value, float):
        return Variant("d", value)
    if isinstance(value, bytes):
        return Variant("ay", value)
    if isinstance(value, str):
        return Variant("s", str(value))
    if isinstance(value, dict):
        return Variant("a{sv}", {name: variant(name, item) for name, item in value.items()})
    if isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            return Variant("as", [str(item) for item in value])
        if all(isinstance(item, dict) for item in value):
            return Variant(
                "aa{sv}", [{k: variant(k, v) for k, v in item.items()} for item in value]
            )
    raise TypeError(f"{key}: {type(value).__name__} has no D-Bus type here")


def to_dbus(value: Any, kind: SignatureType) -> Any:
    """Plain Python to what dbus-next marshals: variants put in, structs as lists."""
    code = kind.token
    if code == "a":
        child = kind.children[0]
        if child.signature == "{sv}":
            return {k: variant(k, v) for k, v in value.items()}
        if child.signature.startswith("{"):
            return {k: to_dbus(v, child.children[1]) for k, v in value.items()}
        return value if child.signature == "y" else [to_dbus(item, child) for item in value]
    if code == "(":
        return [to_dbus(item, sub) for item, sub in zip(value, kind.children, strict=True)]
    return value


def from_dbus(value: Any) -> Any:
    """What dbus-next unmarshals to plain Python: variants taken out."""
    if isinstance(value, Variant):
        return from_dbus(value.value)
    if isinstance(value, dict):
        return {key: from_dbus(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_dbus(item) for item in value]
    return value


def body(signature: str, values: tuple[Any, ...]) -> list[Any]:
    tree = SignatureTree._get(signature)
    return [to_dbus(value, kind) for value, kind in zip(values, tree.types, strict=True)]


class Bus:
    """One connection to the system bus: calls out, signals in, and interfaces served."""

    def __init__(
        self, bus: MessageBus, busy: Callable[[], contextlib.AbstractContextManager[None]]
    ) -> None:
        self._bus = bus
        self._busy = busy
        self._interfaces: dict[str, list[Interface]] = {}
        self._callers: dict[str, Caller] = {}
        self._signals: dict[tuple[str, str], list[SignalHandler]] = {}
        self._calls: dict[str, set[Call]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls, busy: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    ) -> "Bus":
        try:
            self = cls(await MessageBus(bus_type=BusType.SYSTEM).connect(), busy)
        except (OSError, EOFError) as error:
            raise Unavailable(f"no system bus: {error}") from error
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
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body(signature, arguments),
        )
        answer = await self._bus.call(message)
        if answer is None:
            raise Unavailable(f"{destination} did not answer")
        if answer.message_type == MessageType.ERROR:
            text = str(answer.body[0]) if answer.body else answer.error_name
            head, _, hint = text.partition("\n")
            raise from_name(answer.error_name, head, hint=hint)
        return [from_dbus(value) for value in answer.body]

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

    async def identify(self, sender: str) -> Caller:
        """Who is behind a unique name: the daemon says so. Unique names are never used again."""
        if sender not in self._callers:
            (known,) = await self.call(
                DAEMON, DAEMON_PATH, DAEMON, "GetConnectionCredentials", "s", sender
            )
            if "UnixUserID" not in known:
                raise Unavailable(f"the bus does not know who {sender} is")
            self._callers[sender] = Caller(
                uid=known["UnixUserID"], pid=known.get("ProcessID", 0), bus_name=sender
            )
        return self._callers[sender]

    def _name_changed(self, path: str, values: list[Any]) -> None:
        name, _old, new = values
        if not new:
            self._callers.pop(name, None)
            for call in self._calls.pop(name, ()):
                call.gone.set()

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type == MessageType.SIGNAL:
            # The daemon checks a match rule's sender; what is sent to us by name it passes on
            # from anybody.
            if message.destination and message.sender != DAEMON:
                return None
            for handler in self._signals.get((message.interface, message.member), ()):
                handler(message.path, [from_dbus(value) for value in message.body])
            return None
        if message.message_type != MessageType.METHOD_CALL or message.interface == f"{DAEMON}.Peer":
            return None
        task = asyncio.get_running_loop().create_task(self._serve(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _serve(self, message: Message) -> None:
        with self._busy():
            try:
                answer = await self._dispatch(message)
            except AiosError as error:
                answer = Message.new_error(message, error.name, str(error))
            except _BusError as error:
                answer = Message.new_error(message, error.name, str(error))
            except Exception:
                log.exception("call failed", method=f"{message.interface}.{message.member}")
                fault = Internal("aios met a fault of its own", hint="see its journal")
                answer = Message.new_error(message, fault.name, str(fault))
            await self._bus.send(answer)

    def _find(self, path: str) -> list[tuple[Interface, str]]:
        """The interfaces at a path, each with the child's id."""
        here = [(i, "") for i in self._interfaces.get(path, ()) if not i.CHILDREN]
        parent, _, child = path.rpartition("/")
        here += [(i, child) for i in self._interfaces.get(parent, ()) if i.CHILDREN]
        return [(i, object_id) for i, object_id in here if not i.CHILDREN or i.has(object_id)]

    async def _dispatch(self, message: Message) -> Message:
        if message.interface == INTROSPECTABLE and message.member == "Introspect":
            return Message.new_method_return(message, "s", [self._introspect(message.path)])
        here = self._find(message.path)
        if not here:
            raise _BusError(ErrorType.UNKNOWN_OBJECT, f"no object {message.path}")
        if message.interface == PROPERTIES:
            return self._properties(message, here)
        interface, object_id, method = _method(message, here)
        if message.signature != method.in_signature:
            raise _BusError(
                ErrorType.INVALID_ARGS,
                f"{method.name} takes '{method.in_signature}', not '{message.signature}'",
            )
        call = Call(await self.identify(message.sender), object_id=object_id)
        async with self._following(message.sender, call):
            values = [from_dbus(value) for value in message.body]
            result = await interface.method(method.name)(call, *values)
        outputs = (result,) if len(method.outputs) == 1 else result if method.outputs else ()
        if any(arg.type == "o" for arg in method.outputs):
            outputs = tuple(
                f"{interface.OBJECTS}/{value}" if arg.type == "o" else value
                for arg, value in zip(method.outputs, outputs, strict=True)
            )
        return Message.new_method_return(
            message, method.out_signature, body(method.out_signature, outputs)
        )

    @contextlib.asynccontextmanager
    async def _following(self, sender: str, call: Call) -> AsyncIterator[None]:
        """Cancels the call's task when its sender leaves the bus."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task

        async def follow() -> None:
            await call.gone.wait()
            task.cancel()

        self._calls.setdefault(sender, set()).add(call)
        follower = asyncio.ensure_future(follow())
        try:
            yield
        finally:
            follower.cancel()
            if calls := self._calls.get(sender):
                calls.discard(call)

    def _introspect(self, path: str) -> str:
        parts = [interface.contract.xml for interface, _ in self._find(path)]
        if parts:
            parts += [
                f'<interface name="{INTROSPECTABLE}"><method name="Introspect">'
                '<arg name="xml_data" type="s" direction="out"/></method></interface>'
            ]
        prefix = path if path == "/" else f"{path}/"
        below = {p[len(prefix) :].split("/")[0] for p in self._interfaces if p.startswith(prefix)}
        parts += [f'<node name="{name}"/>' for name in sorted(below - {""})]
        return f"{HEADER}<node>\n" + "\n".join(parts) + "\n</node>\n"

    def _properties(self, message: Message, here: list[tuple[Interface, str]]) -> Message:
        wanted = message.body[0] if message.body else ""
        for interface, _object_id in here:
            types = interface.contract.properties
            if wanted != interface.NAME:
                continue
            values: Mapping[str, Variant] = {
                name: Variant(kind, getattr(interface, name)) for name, kind in types.items()
            }
            if message.member == "GetAll":
                return Message.new_method_return(message, "a{sv}", [dict(values)])
            if message.member == "Get" and message.body[1] in values:
                return Message.new_method_return(message, "v", [values[message.body[1]]])
        raise _BusError(ErrorType.UNKNOWN_PROPERTY, f"no such property of '{wanted}'")


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
