"""A client in a machine, as the server on the host sees it: it lends its stdio, and a connection to
the memory for each call, made by itself. So the memory knows whose calls they are from the kernel,
and the server needs no right of its own. It never outlives its client."""

import array
import json
import os
import socket
import threading
from queue import SimpleQueue

from aios.client.varlink import UNAVAILABLE, ClientError, Connection

MEMORY = "the machine's /run/aios/memory.sock"
_LINE = 4096
_DESCRIPTORS = 4


class Lender:
    def __init__(self, connection: socket.socket) -> None:
        """Takes its stdin, stdout and stderr as this process's."""
        self._socket = connection
        head, files = _receive(connection)
        if len(files) != 3:
            raise SystemExit("a client lends stdin, stdout and stderr")
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        self.layer4 = head.get("layer4") is True
        self._lent: SimpleQueue[tuple[dict[str, object], list[int]]] = SimpleQueue()
        self._asking = threading.Lock()
        threading.Thread(target=self._follow, daemon=True).start()

    @classmethod
    def accepted(cls) -> "Lender":
        """The connection that systemd accepted (StandardInput=socket)."""
        # Above stdio, which is replaced by what it brings.
        return cls(socket.socket(fileno=os.dup(0)))

    def _follow(self) -> None:
        """A thread of its own, so that the client's end is this server's at any moment."""
        try:
            while True:
                self._lent.put(_receive(self._socket))
        except (EOFError, OSError, ValueError):
            os._exit(0)

    def connect(self) -> Connection:
        with self._asking:
            self._socket.sendall(b"1")
            said, files = self._lent.get()
        if len(files) != 1:
            for file in files:
                os.close(file)
            raise ClientError(UNAVAILABLE, str(said.get("error", "the client lends nothing")))
        return Connection(MEMORY, connected=socket.socket(fileno=files[0]))

    def end(self) -> None:
        """Tells it that all is done."""
        self._socket.sendall(b"0")


def _receive(connection: socket.socket) -> tuple[dict[str, object], list[int]]:
    """One line of JSON and what came with it. Raises EOFError at the end, ValueError for what is
    no such line."""
    text = b""
    files: list[int] = []
    while not text.endswith(b"\n"):
        space = socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)
        part, control, _flags, _from = connection.recvmsg(_LINE, space, socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                received = array.array("i")
                received.frombytes(data[: len(data) - len(data) % received.itemsize])
                files += received
        if not part:
            raise EOFError
        text += part
        if len(text) > _LINE:
            raise ValueError("too long a line")
    said = json.loads(text)
    if not isinstance(said, dict):
        raise ValueError("not an object")
    return said, files
