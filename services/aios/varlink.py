"""The socket door: Varlink (NUL-terminated JSON) with the same interfaces as the bus.

A connection carries one call at a time. An output of type `h` is the place of a descriptor among
those that come with the reply (SCM_RIGHTS), as systemd has it. With `more`, a method may send
events before its reply. A method with CHILDREN takes the id as parameter `object`. When the peer
goes, its call is cancelled. https://varlink.org/Method-Call
"""

import asyncio
import base64
import contextlib
import functools
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from aios import __version__
from aios.caller import Caller
from aios.channel import Channel, close_all
from aios.connections import TOO_MANY, Connections
from aios.contract import Method
from aios.errors import AiosError, NotFound, fault
from aios.interface import Call, Interface
from aios.journal import log

MAX_MESSAGE = 4 * 1024 * 1024
MAX_QUEUED = 16
"""Calls that a peer may send before the first is answered."""
FIRST_CALL_SECONDS = 10
BACKLOG = 100
ACCEPT_AGAIN_SECONDS = 1.0
"""After there were no descriptors left to accept with."""
SERVICE = "org.varlink.service"
_RANGES = {
    "y": (0, 2**8), "q": (0, 2**16), "u": (0, 2**32), "t": (0, 2**64),
    "n": (-(2**15), 2**15), "i": (-(2**31), 2**31), "x": (-(2**63), 2**63),
}  # fmt: skip

Identify = Callable[[int, int], Awaitable[Caller]]
Busy = Callable[[], contextlib.AbstractContextManager[None]]


class VarlinkError(Exception):
    """One of the protocol's own errors."""

    def __init__(self, name: str, **parameters: str) -> None:
        super().__init__(name)
        self.name = f"{SERVICE}.{name}"
        self.parameters = parameters


def check_type(value: Any, signature: str) -> bool:
    """Whether a JSON value can stand for this D-Bus type."""
    if signature in _RANGES:
        low, high = _RANGES[signature]
        return isinstance(value, int) and not isinstance(value, bool) and low <= value < high
    if signature in ("s", "o"):
        # A lone surrogate has no UTF-8 form: neither the bus nor a file could hold it.
        return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)
    if signature == "b":
        return isinstance(value, bool)
    if signature == "d":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if signature == "a{sv}":
        return isinstance(value, dict)
    if signature.startswith("a"):
        return isinstance(value, list) and all(check_type(item, signature[1:]) for item in value)
    return False


def arguments(method: Method, parameters: Mapping[str, Any]) -> list[Any]:
    """The call's arguments in order; a missing `a{sv}` is empty."""
    known = {arg.name for arg in method.inputs}
    for name in parameters:
        if name not in known:
            raise VarlinkError("InvalidParameter", parameter=name)
    values = []
    for arg in method.inputs:
        value = parameters.get(arg.name, {} if arg.type == "a{sv}" else None)
        if not check_type(value, arg.type):
            raise VarlinkError("InvalidParameter", parameter=arg.name)
        values.append(value)
    return values


class Answer(NamedTuple):
    parameters: dict[str, Any]
    descriptors: list[int]
    """Whoever has the answer closes them."""


def reply(method: Method, result: Any) -> Answer:
    values, descriptors = method.returned(result)
    names = (arg.name for arg in method.outputs)
    return Answer(dict(zip(names, values, strict=True)), descriptors)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def encode(message: Mapping[str, Any]) -> bytes:
    # An error may name what its caller wrote, which JSON lets be half of a character.
    text = json.dumps(message, ensure_ascii=False, default=_plain)
    return text.encode(errors="replace") + b"\0"


def peer_credentials(connection: socket.socket) -> tuple[int, int]:
    """(pid, uid) of the peer when it connected; the kernel says so."""
    size = struct.calcsize("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, uid, _gid = struct.unpack("3i", raw)
    return pid, uid


class VarlinkServer:
    """Serves interfaces on listening sockets. `busy` keeps the service from going idle. `refusal`
    answers every call, whoever it is from."""

    def __init__(
        self,
        interfaces: list[Interface],
        identify: Identify,
        busy: Busy,
        refusal: AiosError | None = None,
    ) -> None:
        self.interfaces = {interface.NAME: interface for interface in interfaces}
        self.identify = identify
        self.busy = busy
        self.refusal = refusal
        self.tasks: set[asyncio.Task[None]] = set()
        self.connections = Connections()
        self._sockets: list[socket.socket] = []

    async def listen(self, sockets: list[socket.socket]) -> None:
        """Serves on these sockets, which are the server's from here on."""
        for listening in sockets:
            listening.setblocking(False)
            listening.listen(BACKLOG)
            self._sockets.append(listening)
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BACKLOG):
            try:
                connection, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                log.exception("cannot accept")
                loop = asyncio.get_running_loop()
                loop.remove_reader(listening)
                loop.call_later(ACCEPT_AGAIN_SECONDS, self._resume, listening)
                return
            peer = Connection(self, connection)
            task = asyncio.get_running_loop().create_task(peer.serve())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accepts no more. What has connected is served on."""
        for listening in self._sockets:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        self._sockets.clear()

    async def dispatch(self, name: str, parameters: dict[str, Any], call: Call) -> Answer:
        if self.refusal is not None:
            raise self.refusal
        interface_name, _, method_name = name.rpartition(".")
        if name == f"{SERVICE}.GetInfo":
            about = {
                "vendor": "aios",
                "product": "aios",
                "version": __version__,
                "url": "",
                "interfaces": [SERVICE, *self.interfaces],
            }
            return Answer(about, [])
        interface = self.interfaces.get(interface_name)
        if interface is None:
            raise VarlinkError("InterfaceNotFound", interface=interface_name)
        method = interface.contract.methods.get(method_name)
        if method is None:
            raise VarlinkError("MethodNotFound", method=name)
        if interface.CHILDREN:
            call.object_id = str(parameters.pop("object", ""))
            if not interface.has(call.object_id, call.caller):
                raise NotFound(f"no such object: {call.object_id!r}")
        values = arguments(method, parameters)
        return reply(method, await interface.method(method_name)(call, *values))


class Connection:
    """One peer, one call at a time."""

    def __init__(self, server: VarlinkServer, connection: socket.socket) -> None:
        self._server = server
        self._peer = peer_credentials(connection)
        self._work: asyncio.Future[Any] | None = None
        self._channel = Channel(
            connection,
            self._lost,
            max_message=MAX_MESSAGE,
            max_queued=MAX_QUEUED,
            account=functools.partial(server.connections.sent, self, self._peer[1]),
        )

    def _lost(self) -> None:
        if self._work is not None:
            self._work.cancel()

    async def _send(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        try:
            data = encode(message)
        except BaseException:
            close_all(descriptors)
            raise
        await self._channel.send(data, descriptors)

    @property
    def idle(self) -> bool:
        return self._work is None

    @property
    def held(self) -> int:
        return self._channel.held

    def close(self) -> None:
        self._channel.close()

    async def serve(self) -> None:
        uid = self._peer[1]
        if not self._server.connections.add(self, uid):
            await self._refuse(TOO_MANY)
            return
        try:
            # Until its first call the peer is on its way: leaving now would drop the call.
            with self._server.busy():
                caller = await self._server.identify(*self._peer)
                message = await asyncio.wait_for(
                    self._channel.receive(), timeout=FIRST_CALL_SECONDS
                )
                alive = message is not None and await self._answer(message, caller)
            while alive:
                message = await self._channel.receive()
                if message is None:
                    return
                with self._server.busy():
                    alive = await self._answer(message, caller)
                self._server.connections.used(self, uid)
        except AiosError as error:
            log.warning("connection refused", reason=error.message)
            await self._refuse(error)
        except TimeoutError:
            pass  # it never called
        except ConnectionError:
            pass  # it went, and its call was cancelled
        finally:
            self._server.connections.remove(self, uid)
            self._channel.close()

    async def _refuse(self, error: AiosError) -> None:
        """Whatever it may ask for."""
        with contextlib.suppress(ConnectionError):
            await self._send(error_reply(error), [])
        self._channel.close()

    async def _answer(self, message: bytes, caller: Caller) -> bool:
        """Answers one call; False when the connection is over."""
        try:
            request = json.loads(message)
            name, parameters = request["method"], request.get("parameters") or {}
            if not isinstance(name, str) or not isinstance(parameters, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            return False  # not Varlink: there is nobody to answer

        async def event(parameters: Mapping[str, Any]) -> None:
            await self._send({"parameters": parameters, "continues": True}, [])

        more = request.get("more") is True
        call = Call(caller, event=event if more else None, gone=self._channel.gone)
        descriptors: list[int] = []
        if call.gone.is_set():
            return False
        self._work = asyncio.ensure_future(self._server.dispatch(name, parameters, call))
        try:
            result, descriptors = await self._work
            answer: dict[str, Any] = {"parameters": result}
        except asyncio.CancelledError:
            if call.gone.is_set():
                return False
            raise
        except VarlinkError as error:
            answer = {"error": error.name, "parameters": error.parameters}
        except AiosError as error:
            answer = error_reply(error)
        except ConnectionError:
            return False
        except Exception as error:
            log.exception("call failed", method=name)
            answer = error_reply(fault(error))
        finally:
            self._work = None
        if request.get("oneway") is True:
            close_all(descriptors)
        else:
            await self._send(answer, descriptors)
            await self._channel.drain()
        return True


def error_reply(error: AiosError) -> dict[str, Any]:
    return {"error": error.name, "parameters": {"message": error.message, "hint": error.hint}}
