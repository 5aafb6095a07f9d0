"""`aigpt server`. It needs packages that the client's own interpreter does not see: installed, it
runs in the services' interpreter; in a checkout's .venv that is this one.

Machines have neither. There this process lends its stdin, stdout and stderr to a confined server
on the host (aios-aigpt@.service), and makes the connections to the memory that it asks for: so
they are this user's, and the server itself may nothing. It stays until that one ends, which it
does with this process.
"""

import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
from pathlib import Path

from aios.client.aigpt_store import SOCKET
from aios.client.engine import PYTHON
from aios.client.varlink import UNAVAILABLE, ClientError

RELAY = "/run/aios/aigpt.sock"
_PACKAGE = "aios.aigpt"


def run(file: Path | None, *, layer4: bool) -> int:
    """The exit status, or no return at all."""
    arguments = ["--enable-layer4"] if layer4 else []
    if file is not None:
        arguments += ["--db", str(file)]
    if importlib.util.find_spec(_PACKAGE) is not None:
        # Not by `import`: what is imported by name is copied into machines with the client.
        importlib.import_module(f"{_PACKAGE}.__main__").main(arguments)
    if PYTHON.exists():
        os.execv(PYTHON, [str(PYTHON), "-I", "-m", _PACKAGE, *arguments])  # noqa: S606
    if file is not None:
        raise ClientError(
            UNAVAILABLE,
            "a file is served on the host only",
            "Here: `aigpt server` without --db, which serves the memory of all machines",
        )
    return lend(layer4=layer4)


def lend(*, layer4: bool) -> int:
    """Until the server ends: 0 if it said so, else 1."""
    # What ends this process ends the server, by the connection's end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        try:
            server.connect(RELAY)
            head = json.dumps({"layer4": layer4}).encode() + b"\n"
            socket.send_fds(server, [head], [0, 1, 2])
        except OSError as error:
            raise ClientError(
                UNAVAILABLE,
                f"the host's MCP server cannot be reached at {RELAY}: {error.strerror}",
                "On the host: systemctl status aios-aigpt.socket",
            ) from error
        # The pipes' other ends must see their end when the server closes them.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        try:
            while asked := server.recv(1):
                if asked == b"0":
                    return 0
                _connect(server)
        except OSError:
            pass  # it was killed: what that means is said below
    sys.stderr.write("aigpt: the host's MCP server went away\n")
    return 1


def _connect(server: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as memory:
        try:
            memory.connect(SOCKET)
        except OSError as error:
            reason = f"aios cannot be reached at {SOCKET}: {error.strerror}"
            server.sendall(json.dumps({"error": reason}).encode() + b"\n")
        else:
            socket.send_fds(server, [b"{}\n"], [memory.fileno()])
