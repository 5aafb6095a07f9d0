"""Too many connections of one's, and one that is not read from: others go on, memory is bounded."""

import contextlib
import json
from collections.abc import Iterator

import pytest
from faults import ASKED, SERVICES, quiet, resident_mib
from governed import approve, end, pending, run, start, until
from jobs import acting, go_on, told
from sandbox import PYTHON, Sandbox

SOCKETS = [f"/run/aios/{name}.sock" for name in ("policy", "memory", "chat", "exec/aios")]


@contextlib.contextmanager
def holding(sandbox: Sandbox, script: str, user: str) -> Iterator[str]:
    """While it has connections to services that were just started, as what other tests had them
    load does not count: what it says of them."""
    sandbox.run(["systemctl", "stop", *(f"{unit}.service" for unit in SERVICES)])
    run(sandbox, "true")
    holder = sandbox.popen([PYTHON, "-I", "-c", script, *SOCKETS], user=user)
    try:
        assert holder.stdout
        yield holder.stdout.readline()
    finally:
        holder.communicate("\n", timeout=30)


IDLE = """
import json, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
held = []
for path in sys.argv[1:]:
    for number in range(1000):
        held.append(peer := socket.socket(socket.AF_UNIX))
        peer.connect(path)
        if number % 2:  # the others never call
            call = {"method": "org.varlink.service.GetInfo", "parameters": {}}
            peer.sendall(json.dumps(call).encode() + b"\\0")
            assert peer.recv(1 << 16)
print(len(held), flush=True)
sys.stdin.readline()
"""
ON_BUS = """
import sys
from jeepney import DBusErrorResponse
from jeepney.io.blocking import open_dbus_connection
held = []
try:
    while len(held) < 1000:
        held.append(open_dbus_connection("SYSTEM"))
except DBusErrorResponse:
    pass
print(len(held), flush=True)
sys.stdin.readline()
"""


def test_a_thousand_idle_connections_on_each_socket(sandbox: Sandbox) -> None:
    with holding(sandbox, IDLE, "me") as said:
        assert said == f"{1000 * len(SOCKETS)}\n"
        for user in ("me", "root"):
            assert sandbox.run(["aios", "exec", "--", "echo on"], user=user).stdout == "on\n"
            assert sandbox.run(["aios", "!true"], user=user).returncode == 0
            assert sandbox.run(["aios", "memory", "stats"], user=user).returncode == 0
        quiet(sandbox)
        for unit in SERVICES:
            assert resident_mib(sandbox, unit) < 64


ALL_IN_USE = """
import contextlib, json, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
call = json.dumps({"method": "org.aios.Policy1.WatchApprovals", "more": True}).encode() + b"\\0"
held, refused = [], []
for _ in range(1000):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("/run/aios/policy.sock")
    peer.settimeout(30)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        peer.sendall(call)  # who is refused need not ask
    said = json.loads(peer.recv(1 << 16).split(b"\\0")[0])
    if "error" in said:
        refused.append([said["error"], said["parameters"]["message"]])
    else:
        held.append(peer)
print(json.dumps([len(held), len(refused), refused[-1]]), flush=True)
sys.stdin.readline()
"""


def test_all_connections_are_in_use(sandbox: Sandbox) -> None:
    """None that answers somebody is closed; who has that many gets no more, and others do."""
    waiting = start(sandbox, ASKED, user="root")
    request = pending(sandbox, ASKED)
    watching = sandbox.popen([PYTHON, "-I", "-c", ALL_IN_USE], user="me")
    try:
        assert watching.stdout is not None
        held, refused, (name, said) = json.loads(watching.stdout.readline() or "[]")
        assert (held, refused, name) == (512, 488, "org.aios.Error.Busy")
        assert "all your connections to this service are in use" in said
        own = sandbox.run(["aios", "approvals"], user="me", check=False)
        assert (own.returncode, "connections to this service" in own.stderr) == (125, True)
        listed = sandbox.run(["aios", "approvals", "--json"]).stdout
        assert request in [row["id"] for row in json.loads(listed)]
        # exec asks as itself.
        assert sandbox.run(["aios", "exec", "--", "echo on"], user="me").stdout == "on\n"
        quiet(sandbox)
        assert resident_mib(sandbox, "aios-policy") < 96
    finally:
        watching.communicate("\n", timeout=30)
    assert sandbox.run(["aios", "approvals", "--json"], user="me").returncode == 0
    approve(sandbox, request)
    assert end(waiting).status == 0


def test_a_thousand_idle_connections_on_the_bus(sandbox: Sandbox) -> None:
    """The bus gives each user its share, as here each service does."""
    waiting = start(sandbox, ASKED, user="root")
    request = pending(sandbox, ASKED)
    idle = sandbox.popen([PYTHON, "-I", "-c", ON_BUS], user="me")
    try:
        assert idle.stdout and 100 < int(idle.stdout.readline()) < 1000
        assert run(sandbox, "echo on", user="root").stdout == "on\n"
        assert sandbox.run(["aios", "exec", "--", "echo on"], user="me").stdout == "on\n"
        refused = sandbox.run(["aios", "approve", request], user="me", check=False)
        assert (refused.returncode, "does not let us in" in refused.stderr) == (125, True)
        quiet(sandbox)
    finally:
        idle.communicate("\n", timeout=30)
    approve(sandbox, request)
    assert end(waiting).status == 0


DEAF = """
peers = []
for _ in range(3):
    peers.append(Peer())
    for _ in range(8):
        message = {"method": "org.aios.Exec1.Run",
                   "parameters": {"command": "seq 100000", "options": {}}}
        peers[-1].socket.sendall(json.dumps(message).encode() + b"\\0")
tell("deaf")
hear()
"""
DEAF_ON_BUS = """
import sys
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection("SYSTEM")
exec1 = DBusAddress("/org/aios/Exec1", "org.aios.Exec1.aios", "org.aios.Exec1")
for _ in range(24):
    bus.send_message(new_method_call(exec1, "Run", "sa{sv}", ("seq 100000", {})))
print("deaf", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("door", ["socket", "bus"])
def test_a_client_that_never_reads(sandbox: Sandbox, door: str) -> None:
    run(sandbox, "true")
    before = resident_mib(sandbox, "aios-exec@aios")
    if door == "socket":
        deaf = acting(sandbox, DEAF)
        assert told(deaf) == "deaf"
    else:
        deaf = sandbox.popen([PYTHON, "-I", "-c", DEAF_ON_BUS], user="me")
        assert deaf.stdout and deaf.stdout.readline() == "deaf\n"
    try:
        # Theirs are as many as can be, or have ended.
        theirs = '"command": "seq 100000"'
        until(lambda: theirs not in sandbox.run(["aios", "jobs", "--json"]).stdout, 60)
        assert run(sandbox, "echo on").stdout == "on\n"
        assert sandbox.run(["aios", "exec", "--", "echo on"], user="me").stdout == "on\n"
        quiet(sandbox)
        assert resident_mib(sandbox, "aios-exec@aios") < before + 48
    finally:
        go_on(deaf)
        deaf.communicate(timeout=30)


FLOOD = """
import contextlib, json, socket, sys
held = []
for path in sys.argv[1:]:
    for _ in range(100):
        held.append(peer := socket.socket(socket.AF_UNIX))
        peer.connect(path)
        peer.settimeout(20)
        with contextlib.suppress(OSError):  # it is left
            call = {"method": "org.varlink.service.GetInfo"}
            peer.sendall(json.dumps(call).encode() + b"\\0")
            if peer.recv(1 << 16):
                peer.sendall(b"x" * (4 << 20))
print("sent", flush=True)
sys.stdin.readline()
"""


def test_what_nobody_has_asked_for_takes_no_room(sandbox: Sandbox) -> None:
    """Messages without an end, of somebody who may not use aios at all."""
    with holding(sandbox, FLOOD, "outsider") as said:
        assert said == "sent\n"
        for unit in SERVICES:
            assert resident_mib(sandbox, unit) < 96
        assert sandbox.run(["aios", "exec", "--", "echo on"], user="me").stdout == "on\n"
        # Nor are they kept from being told so, who have so much unanswered.
        answered = sandbox.run(["aios", "approvals"], user="outsider", check=False)
        assert "may not use aios" in answered.stderr
