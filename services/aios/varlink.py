"""The socket door: Varlink (NUL-terminated JSON) with the same interfaces as the bus.

A connection carries one call at a time. With `more`, a method may send events before its reply.
A method with CHILDREN takes the id as parameter `object`. When the peer goes, its call is
cancelled. https://varlink.org/Method-Call
"""

import asyncio
import base64
import contextlib
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from aios import __version__
from aios.caller import Caller
from aios.contract import Arg, Method
from aios.errors import AiosError, Internal, NotFound
from aios.interface import Call, Interface

MAX_MESSAGE = 4 * 1024 * 1024
MAX_QUEUED = 16
"""Calls that a peer may send before the first is answered."""
FIRST_CALL_SECONDS = 10
SERVICE = "org.varlink.service"
_RANGES = {
    "y": (0, 2**8), "q": (0, 2**16), "u": (0, 2**32), "t": (0, 2**64),
    "n": (-(2**15), 2**15), "i": (-(2**31), 2**31), "x": (-(2**63), 2**63),
}  # fmt: skip

# Python 3.13 and later remove a socket's file when its server closes; these files are systemd's.
_KEEP: Mapping[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}

Identify = Callable[[int, int], Awaitable[Caller]]
Busy = Callable[[], contextlib.AbstractContextManager[None]]
log = structlog.get_logger()


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


def reply(outputs: tuple[Arg, ...], result: Any) -> dict[str, Any]:
    if not outputs:
        return {}
    values = (result,) if len(outputs) == 1 else result
    return {arg.name: value for arg, value in zip(outputs, values, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, default=_plain).encode() + b"\0"


def peer_credentials(connection: socket.socket) -> tuple[int, int]:
    """(pid, uid) of the peer when it connected; the kernel says so."""
    size = struct.calcsize("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, uid, _gid = struct.unpack("3i", raw)
    return pid, uid


class VarlinkServer:
    """Serves interfaces on listening sockets. `busy` keeps the service from going idle."""

    def __init__(self, interfaces: list[Interface], identify: Identify, busy: Busy) -> None:
        self.interfaces = {interface.NAME: interface for interface in interfaces}
        self.identify = identify
        self.busy = busy
        self.tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    async def listen(self, sockets: list[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for listening in sockets:
            listening.setblocking(False)
            self._servers.append(
                await loop.create_unix_server(lambda: Connection(self), sock=listening, **_KEEP)
            )

    def close(self) -> None:
        for server in self._servers:
            server.close()

    async def dispatch(self, name: str, parameters: dict[str, Any], call: Call) -> dict[str, Any]:
        interface_name, _, method_name = name.rpartition(".")
        if name == f"{SERVICE}.GetInfo":
            return {
                "vendor": "aios",
                "product": "aios",
                "version": __version__,
                "url": "",
                "interfaces": [SERVICE, *self.interfaces],
            }
        interface = self.interfaces.get(interface_name)
        if interface is None:
            raise VarlinkError("InterfaceNotFound", interface=interface_name)
        method = interface.contract.methods.get(method_name)
        if method is None:
            raise VarlinkError("MethodNotFound", method=name)
        if interface.CHILDREN:
            call.object_id = str(parameters.pop("object", ""))
            if not interface.has(call.object_id):
                raise NotFound(f"no such object: {call.object_id!r}")
        values = arguments(method, parameters)
        return reply(method.outputs, await interface.method(method_name)(call, *values))


class Connection(asyncio.Protocol):
    """One peer. Bytes go into a buffer, messages out of it, one call at a time."""

    def __init__(self, server: VarlinkServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._writable = asyncio.Event()
        self._writable.set()
        self._call: Call | None = None
        self._work: asyncio.Future[Any] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream socket's
        self._transport = transport
        task = asyncio.get_running_loop().create_task(self._serve())
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        *messages, rest = self._buffer.split(b"\0")
        for message in messages:
            self._messages.put_nowait(bytes(message))
        self._buffer = rest
        if len(rest) > MAX_MESSAGE or self._messages.qsize() > MAX_QUEUED:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._messages.put_nowait(None)
        self._writable.set()
        if self._call is not None:
            self._call.gone.set()
        if self._work is not None:
            self._work.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._writable.wait()
        if self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(encode(message))

    async def _serve(self) -> None:
        try:
            pid, uid = peer_credentials(self._transport.get_extra_info("socket"))
            # Until its first call the peer is on its way: leaving now would drop the call.
            with self._server.busy():
                caller = await self._server.identify(pid, uid)
                message = await asyncio.wait_for(self._messages.get(), timeout=FIRST_CALL_SECONDS)
                alive = message is not None and await self._answer(message, caller)
            while alive:
                message = await self._messages.get()
                if message is None:
                    return
                with self._server.busy():
                    alive = await self._answer(message, caller)
        except AiosError as error:
            log.warning("connection refused", reason=error.message)
        except TimeoutError:
            pass  # it never called
        except ConnectionError:
            pass  # it went, and its call was cancelled
        finally:
            self._transport.close()

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
            await self._send({"parameters": parameters, "continues": True})

        call = Call(caller, event=event if request.get("more") is True else None)
        self._call = call
        self._work = asyncio.ensure_future(self._server.dispatch(name, parameters, call))
        try:
            answer: dict[str, Any] = {"parameters": await self._work}
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
        except Exception:
            log.exception("call failed", method=name)
            answer = error_reply(Internal("aios met a fault of its own", hint="see its journal"))
        finally:
            self._call = self._work = None
        if request.get("oneway") is not True:
            await self._send(answer)
        return True


def error_reply(error: AiosError) -> dict[str, Any]:
    return {"error": error.name, "parameters": {"message": error.message, "hint": error.hint}}
