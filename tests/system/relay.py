"""Calls on the bus and on sockets as a test writes them, right or not, by a process in the
sandbox."""

import base64
import json
from typing import Any

import pytest
from sandbox import PYTHON, Sandbox

# One job a line of standard input, in JSON; its answer on one line of standard output.
#   {"socket": path, "data": base64, "end": how}   what is written to the socket; how it ends
#   {"bus": [name, path, interface, member], "signature": …, "body": […]}
# A call that has no answer within `patience` is given up: a person's connection goes.
RELAY = """
import base64, json, socket, struct, sys
from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

def varlink(job):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(job["patience"])
        peer.connect(job["socket"])
        answer = b""
        try:
            peer.sendall(base64.b64decode(job["data"]))
            if job["end"] == "half":
                peer.shutdown(socket.SHUT_WR)
            while job["end"] != "leave" and not answer.endswith(b"\\0"):
                part = peer.recv(1 << 20)
                if not part:
                    break
                answer += part
        except TimeoutError:
            return {"late": True}
        except (ConnectionError, BrokenPipeError):
            pass
    return {"answer": answer.decode(errors="replace")}

bus = None

def call(job):
    global bus
    if bus is None:
        bus = open_dbus_connection("SYSTEM")
    name, path, interface, member = job["bus"]
    address = DBusAddress(path, bus_name=name, interface=interface)
    message = new_method_call(address, member, job["signature"] or None, tuple(job["body"]))
    try:
        answer = bus.send_and_get_reply(message, timeout=job["patience"])
    except TimeoutError:
        bus.close()
        bus = None
        return {"late": True}
    except (ValueError, TypeError, OverflowError, AttributeError, struct.error) as error:
        # The bus's own types do not hold it: nothing was sent.
        return {"unsendable": str(error)}
    except (ConnectionError, EOFError, BrokenPipeError) as error:
        bus = None
        return {"disconnected": str(error)}
    if answer.header.message_type is MessageType.error:
        found = {"error": answer.header.fields.get(4), "body": [str(one) for one in answer.body]}
        return found
    return {"answer": ""}

for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps((varlink if "socket" in job else call)(job)), flush=True)
"""


class Relay:
    """A process of somebody's in the sandbox, that says what it is told to."""

    def __init__(self, sandbox: Sandbox, user: str) -> None:
        self._process = sandbox.popen([PYTHON, "-I", "-c", RELAY], user=user)

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, **job: Any) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(self._process.communicate()[1])
        return dict(json.loads(line))

    def write(
        self, path: str, data: bytes, *, end: str = "read", patience: float = 30
    ) -> dict[str, Any]:
        """Bytes to a socket. end: "read" waits for an answer, "half" sends no more before that,
        "leave" does not wait."""
        return self(socket=path, data=base64.b64encode(data).decode(), end=end, patience=patience)

    def varlink(self, path: str, method: str, **parameters: Any) -> dict[str, Any]:
        """The first answer to a call with `more`."""
        call = {"method": method, "parameters": parameters, "more": True}
        said = self.write(path, json.dumps(call).encode() + b"\0")
        return dict(json.loads(said.get("answer", "").rstrip("\0").split("\0")[0] or "{}"))

    def bus(
        self, name: str, path: str, member: str, signature: str = "", *body: Any
    ) -> dict[str, Any]:
        """`member` with its interface."""
        interface, _, method = member.rpartition(".")
        place = [name, path, interface, method]
        return self(bus=place, signature=signature, body=list(body), patience=30)

    def close(self) -> None:
        self._process.communicate(timeout=30)
