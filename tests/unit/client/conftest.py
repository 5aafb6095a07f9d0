"""Services on real sockets, each answering as a test says."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aios.client import own_rules, own_servers, place


class Peer:
    """The service's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def read(self) -> dict[str, Any] | None:
        """The next call; None when the client is gone."""
        message = b""
        while not message.endswith(b"\0"):
            byte = self._file.read(1)
            if not byte:
                return None
            message += byte
        call: dict[str, Any] = json.loads(message[:-1])
        return call

    def send(self, **message: Any) -> None:
        self.send_raw(json.dumps(message).encode() + b"\0")

    def send_raw(self, data: bytes) -> None:
        self._connection.sendall(data)

    def event(self, **parameters: Any) -> None:
        self.send(parameters=parameters, continues=True)

    def reply(self, **parameters: Any) -> None:
        self.send(parameters=parameters)

    def give(self, descriptors: Sequence[int], **parameters: Any) -> None:
        """A reply with descriptors, which are closed here."""
        message = json.dumps({"parameters": parameters}).encode() + b"\0"
        socket.send_fds(self._connection, [message], list(descriptors))
        for fd in descriptors:
            os.close(fd)

    def error(self, name: str, message: str, hint: str = "") -> None:
        self.send(error=f"org.aios.Error.{name}", parameters={"message": message, "hint": hint})

    def wait_gone(self) -> None:
        while self.read() is not None:
            pass

    def hang_up(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)


Answer = Callable[[Peer, dict[str, Any]], None]


class Service:
    """Answers every call on every connection, one thread each; keeps what it was asked."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.calls: list[dict[str, Any]] = []
        self._answer = answer
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # The client may go at any time, and a test may hang up.
        with connection, contextlib.suppress(OSError):
            peer = Peer(connection)
            while (call := peer.read()) is not None:
                self.calls.append(call)
                self._answer(peer, call)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


Serve = Callable[[str, Answer], Service]


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/run/aios as on a host, for somebody without rules of their own."""
    monkeypatch.setattr(place, "RUNTIME", str(tmp_path))
    monkeypatch.setattr(own_rules, "FILE", tmp_path / "no-own-rules")
    monkeypatch.setattr(own_servers, "FILE", tmp_path / "no-own-servers")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "exec").mkdir()
    (tmp_path / "machine").mkdir()
    return tmp_path


@pytest.fixture
def serve(runtime: Path) -> Iterator[Serve]:
    """serve("policy", answer) listens at policy.sock; serve("exec/aios", …) for a machine."""
    with contextlib.ExitStack() as stack:

        def start(name: str, answer: Answer) -> Service:
            service = Service(runtime / f"{name}.sock", answer)
            stack.callback(service.close)
            return service

        yield start
