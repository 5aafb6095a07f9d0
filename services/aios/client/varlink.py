"""Varlink (NUL-terminated JSON) from the caller's side: blocking, or driven by a selector.

A connection carries one call at a time; closing it cancels the call.
"""

# ruff: noqa: SIM105 - those imports take longer than a command

from __future__ import annotations

import os
import sys

from aios.client.lean import dumps, loads, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

ERROR_PREFIX = "org.aios.Error."
UNAVAILABLE = ERROR_PREFIX + "Unavailable"

FAILED = 125
"""Exit status: aios itself failed."""
DENIED = 126
NOT_APPROVED = 3
_STATUS = {
    "Denied": DENIED,
    "ApprovalRejected": NOT_APPROVED,
    "ApprovalTimedOut": NOT_APPROVED,
    "ApprovalWithdrawn": NOT_APPROVED,
}

# What a service may send in one message: exec's two streams, each as text and as base64.
MAX_REPLY = 64 * 1024 * 1024
MAX_DESCRIPTORS = 16
_DESCRIPTOR = 4
"""Bytes of a descriptor's number in a message."""
_CHUNK = 256 * 1024


class ClientError(Exception):
    """What went wrong, for a person: the service's words, or why there is no service."""

    def __init__(self, name: str, message: str, hint: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.hint = hint
        short = name.removeprefix(ERROR_PREFIX)
        self.status = _STATUS.get(short, FAILED) if status is None else status


class Disconnected(ClientError):
    """The service went away before it answered: killed, or stopped for an update."""

    def __init__(self, path: str) -> None:
        super().__init__(UNAVAILABLE, f"the service behind {path} went away", "Try again.")


class Reply:
    """continues: more replies to the same call follow. descriptors: those that came with it, for
    whoever takes the reply to close."""

    __slots__ = ("continues", "descriptors", "parameters")

    def __init__(
        self, parameters: dict[str, Any], descriptors: tuple[int, ...] = (), *, continues: bool
    ) -> None:
        self.continues = continues
        self.parameters = parameters
        self.descriptors = descriptors


class Connection:
    """One connection to a service's socket. A context manager; usable with selectors."""

    def __init__(
        self, path: str, *, timeout: float | None = None, connected: socket.socket | None = None
    ) -> None:
        """timeout: seconds that the service may be silent while an answer is awaited.
        connected: a socket that somebody else connected to `path`; it is closed with this."""
        self.path = path
        self._buffer = bytearray()
        self._scanned = 0
        self._descriptors: list[int] = []
        """Of the message that is not whole yet."""
        flags = sockets.SOCK_STREAM | sockets.SOCK_CLOEXEC
        self._socket = connected or sockets.socket(sockets.AF_UNIX, flags)
        self._socket.settimeout(timeout)
        if connected is not None:
            return
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise _unreachable(path, error) from error

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()
        close_all(self._descriptors)
        self._descriptors = []

    def hang_up(self) -> None:
        """From another thread: whoever waits here finds it disconnected."""
        try:
            self._socket.shutdown(sockets.SHUT_RDWR)
        except OSError:
            pass

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, method: str, parameters: Mapping[str, Any], *, more: bool = False) -> None:
        message: dict[str, Any] = {"method": method, "parameters": parameters}
        if more:
            message["more"] = True
        try:
            self._socket.sendall(dumps(message).encode() + b"\0")
        except TimeoutError as error:
            raise self._silent() from error
        except OSError as error:
            self.pull()  # what it said before it closed
            raise Disconnected(self.path) from error

    def _silent(self) -> ClientError:
        return ClientError(UNAVAILABLE, f"the service behind {self.path} does not answer")

    def pull(self) -> list[Reply]:
        """Reads once from the socket, which blocks unless it is readable; the replies that are
        whole by then. Raises Disconnected, or what the service answered as an error."""
        try:
            data, descriptors = self._receive()
        except TimeoutError as error:
            raise self._silent() from error
        except OSError as error:
            raise Disconnected(self.path) from error
        if not data:
            raise Disconnected(self.path)
        self._buffer += data
        return self._whole(descriptors)

    def _receive(self) -> tuple[bytes, list[int]]:
        room = sockets.CMSG_SPACE(MAX_DESCRIPTORS * _DESCRIPTOR)
        data, ancillary, _, _ = self._socket.recvmsg(_CHUNK, room, sockets.MSG_CMSG_CLOEXEC)
        found = []
        for level, kind, rights in ancillary:
            if (level, kind) == (sockets.SOL_SOCKET, sockets.SCM_RIGHTS):
                for at in range(0, len(rights) - _DESCRIPTOR + 1, _DESCRIPTOR):
                    number = rights[at : at + _DESCRIPTOR]
                    found.append(int.from_bytes(number, sys.byteorder))
        return data, found

    def _whole(self, descriptors: list[int]) -> list[Reply]:
        """What the kernel gives at once ends behind bytes that came with descriptors: those belong
        to the last message in it."""
        replies: list[Reply] = []
        while (end := self._buffer.find(b"\0", self._scanned)) >= 0:
            message = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._scanned = 0
            if not self._buffer:
                self._descriptors += descriptors
                descriptors = []
            own, self._descriptors = tuple(self._descriptors), []
            try:
                replies.append(_reply(message, self.path, own))
            except ClientError:
                close_all([*own, *descriptors])
                raise
        self._descriptors += descriptors
        self._scanned = len(self._buffer)
        if self._scanned > MAX_REPLY:
            raise ClientError(UNAVAILABLE, f"an answer from {self.path} is too long")
        return replies

    def stream(self, method: str, parameters: Mapping[str, Any]) -> Iterator[Reply]:
        """The replies to one call, the last with `continues` False."""
        self.send(method, parameters, more=True)
        while True:
            for reply in self.pull():
                yield reply
                if not reply.continues:
                    return

    def call(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The answer's parameters. Raises ClientError."""
        answer = self.ask(method, parameters)
        close_all(answer.descriptors)
        return answer.parameters

    def ask(self, method: str, parameters: Mapping[str, Any]) -> Reply:
        """The whole answer. Raises ClientError."""
        self.send(method, parameters)
        while True:
            for reply in self.pull():
                return reply


def close_all(descriptors: Iterable[int]) -> None:
    for fd in descriptors:
        try:
            os.close(fd)
        except OSError:
            pass


def _reply(message: bytes, path: str, descriptors: tuple[int, ...]) -> Reply:
    try:
        content = loads(message.decode())
        parameters = content.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise TypeError
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ClientError(UNAVAILABLE, f"what answers at {path} does not speak Varlink") from error
    name = content.get("error")
    if name is None:
        return Reply(parameters, descriptors, continues=content.get("continues") is True)
    if "message" in parameters:
        raise ClientError(str(name), str(parameters["message"]), str(parameters.get("hint", "")))
    # One of the protocol's own errors: it carries a name of something instead of a message.
    about = ", ".join(f"{key} {value}" for key, value in parameters.items())
    raise ClientError(str(name), f"{name}: {about}" if about else str(name))


def _unreachable(path: str, error: OSError) -> ClientError:
    if isinstance(error, PermissionError):
        return ClientError(UNAVAILABLE, f"no access to {path}", "Is the directory /run/aios 0755?")
    return ClientError(
        UNAVAILABLE,
        f"aios cannot be reached at {path}: {(error.strerror or str(error)).lower()}",
        "On the host: systemctl status 'aios-*.socket'",
    )
