"""The objects that a service has on the bus.

Methods are dispatched here from the interfaces' XML, not by dbus-next's decorators: those never
say who called, and send tracebacks to the caller.

A method's output of type `h` is a descriptor that is the door's from then on.
"""

import asyncio
from typing import Any

from dbus_next.constants import ErrorType
from dbus_next.message import Message
from dbus_next.signature import Variant

from aios.bus_values import body, from_dbus, paths, property_value
from aios.caller import Caller
from aios.channel import close_all
from aios.contract import Method
from aios.interface import Call, Interface

INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
PROPERTIES = "org.freedesktop.DBus.Properties"
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


class BusError(Exception):
    """One of the bus's own errors."""

    def __init__(self, kind: ErrorType, text: str) -> None:
        super().__init__(text)
        self.name = kind.value


class Objects:
    """What is where, and what is asked of it."""

    def __init__(self) -> None:
        self._interfaces: dict[str, list[Interface]] = {}

    def add(self, interface: Interface) -> None:
        self._interfaces.setdefault(interface.PATH, []).append(interface)

    async def answer(self, message: Message, caller: Caller, gone: asyncio.Event) -> Message:
        """To a method call. Raises AiosError, BusError."""
        here = self._find(message.path, caller)
        if message.interface == INTROSPECTABLE and message.member == "Introspect":
            return Message.new_method_return(
                message, "s", [self._introspect(message.path, here, caller)]
            )
        if not here:
            raise BusError(ErrorType.UNKNOWN_OBJECT, f"no object {message.path}")
        if message.interface == PROPERTIES:
            return await self._properties(message, here, Call(caller, gone=gone))
        interface, object_id, method = _method(message, here)
        if message.signature != method.in_signature:
            raise BusError(
                ErrorType.INVALID_ARGS,
                f"{method.name} takes '{method.in_signature}', not '{message.signature}'",
            )
        call = Call(caller, object_id=object_id, gone=gone)
        values = [from_dbus(value) for value in message.body]
        return _returned(
            message, interface, method, await interface.method(method.name)(call, *values)
        )

    def _find(self, path: str, caller: Caller) -> list[tuple[Interface, str]]:
        """The interfaces at a path that the caller may know of, each with the child's id."""
        here = [(i, "") for i in self._interfaces.get(path, ()) if not i.CHILDREN]
        parent, _, child = path.rpartition("/")
        children = [i for i in self._interfaces.get(parent, ()) if i.CHILDREN]
        return here + [(i, child) for i in children if i.has(child, caller)]

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
            raise BusError(ErrorType.UNKNOWN_METHOD, f"no method {message.member} of properties")
        name = message.body[0]
        found = [(i, object_id) for i, object_id in here if name == i.NAME]
        if not found:
            raise BusError(ErrorType.UNKNOWN_INTERFACE, f"no interface '{name}' here")
        interface, call.object_id = found[0]

        async def value(name: str) -> Variant:
            kind = interface.contract.properties[name]
            raw = await interface.property(call, name)
            return property_value(kind, paths(raw, kind, interface.OBJECTS))

        if message.member == "GetAll":
            values = {name: await value(name) for name in interface.contract.properties}
            return Message.new_method_return(message, "a{sv}", [values])
        if message.body[1] not in interface.contract.properties:
            raise BusError(ErrorType.UNKNOWN_PROPERTY, f"no property '{message.body[1]}' here")
        if message.member == "Set":
            raise BusError(ErrorType.PROPERTY_READ_ONLY, f"{message.body[1]} is only read")
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
    raise BusError(ErrorType.UNKNOWN_METHOD, f"no method {message.interface}.{message.member}")
