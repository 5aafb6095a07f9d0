"""Callers without the right, on every method of every interface that there is: read from the XML
and
from what the sockets say they serve, so that a new method is tried without a line here."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from governed import BUSCTL, POLICY, approve, asking, requests
from jobs import act
from relay import Relay
from sandbox import Sandbox

from aios import contract

pytestmark = pytest.mark.system

INTERFACES = sorted(path.stem for path in contract.DIRECTORY.glob("*.xml"))
SAMPLES = {"s": "x", "o": "/x", "u": 1, "q": 1, "t": 1, "i": 1, "b": True, "d": 1.0, "as": ["x"],
           "a{sv}": {}, "a{ss}": {}, "aa{sv}": []}  # fmt: skip
ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
REFUSALS = ("org.aios.Error.NotAuthorized", "org.aios.Error.NotFound",
            "org.aios.Error.InvalidOption")  # fmt: skip
"""An object that is not the caller's cannot be told from one that never was; a call that says too
little may be refused for that, before it is asked who calls."""
BUS_REFUSALS = (*REFUSALS, "org.freedesktop.DBus.Error.AccessDenied",
                "org.freedesktop.DBus.Error.UnknownObject")  # fmt: skip


def bus_name(interface: str) -> str:
    name = ".".join(interface.split(".")[:3])
    return f"{name}.aios" if name == "org.aios.Exec1" else name


def bus_path(interface: str) -> str:
    name, _, child = interface.partition("1.")
    place = "/" + name.removesuffix("1").replace(".", "/") + "1"
    return f"{place}/{child.lower()}/{ID}" if child else place


def calls() -> Iterator[tuple[str, str, list[Any]]]:
    for interface in INTERFACES:
        for method in contract.load(interface).methods.values():
            yield interface, method.name, [SAMPLES[arg.type] for arg in method.inputs]


@pytest.fixture(scope="module")
def sockets(sandbox: Sandbox) -> dict[str, list[str]]:
    """Interface → the host's sockets and those for machines that say they serve it."""
    found: dict[str, list[str]] = {}
    paths = sandbox.sh("find /run/aios -name '*.sock' -not -name aigpt.sock -not -name '.host*'")
    with Relay(sandbox, "root") as root:
        for path in paths.split():
            told = root.varlink(path, "org.varlink.service.GetInfo")["parameters"]
            for interface in told["interfaces"]:
                found.setdefault(interface, []).append(path)
    return found


def test_every_interface_has_a_socket(sockets: dict[str, list[str]]) -> None:
    assert set(sockets) >= set(INTERFACES)


# The services' own users but root and those who may ask as such are in test_attack_services.py.
def test_who_may_not_use_aios_is_refused_everywhere(
    sandbox: Sandbox, sockets: dict[str, list[str]]
) -> None:
    before = sandbox.sh("systemctl -M aios list-units --all --plain --no-legend 'run-aios-*'")
    with Relay(sandbox, "outsider") as caller:
        for interface, method, values in calls():
            found = contract.load(interface).methods[method]
            named = dict(zip((arg.name for arg in found.inputs), values, strict=True))
            if "1." in interface:
                named["object"] = ID
            for path in sockets[interface]:
                said = caller.varlink(path, f"{interface}.{method}", **named)
                assert said.get("error") in REFUSALS, (path, method, said)
            said = caller.bus(
                bus_name(interface), bus_path(interface), f"{interface}.{method}",
                found.in_signature, *values,
            )  # fmt: skip
            assert said.get("error") in BUS_REFUSALS, (method, said)
        for interface in INTERFACES:
            for name in contract.load(interface).properties:
                said = caller.bus(
                    bus_name(interface), bus_path(interface),
                    "org.freedesktop.DBus.Properties.Get", "ss", interface, name,
                )  # fmt: skip
                assert said.get("error") in BUS_REFUSALS, (name, said)
    after = sandbox.sh("systemctl -M aios list-units --all --plain --no-legend 'run-aios-*'")
    assert set(after.splitlines()) <= set(before.splitlines())


LISTEN = """
import json, sys
from jeepney import MatchRule
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection, Proxy
bus = open_dbus_connection("SYSTEM")
proxy = Proxy(message_bus, bus)
rule = MatchRule(type="signal", interface="org.aios.Policy1")
proxy.AddMatch(rule)
with bus.filter(rule) as heard:
    print("listening", flush=True)
    sys.stdin.readline()
    proxy.GetId()
    print(json.dumps([list(message.body) for message in heard]), flush=True)
"""


def test_policys_signals_are_for_who_sees_everybodys_requests(
    sandbox: Sandbox, member: str
) -> None:
    """They tell commands. A plain member sees only their own."""
    python = ["/usr/lib/aios/venv/bin/python3", "-I", "-c", LISTEN]
    listeners = {user: sandbox.popen(python, user=user) for user in ("me", member, "outsider")}
    for process in listeners.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
    command = "rm -f /var/tmp/confidential"
    with asking(sandbox, command) as request:
        approve(sandbox, request)
    heard = {user: process.communicate("\n", timeout=30)[0] for user, process in listeners.items()}
    assert request in heard["me"] and "approved" in heard["me"]
    assert heard[member].strip() == heard["outsider"].strip() == "[]"


def test_one_person_is_nothing_to_another(sandbox: Sandbox, member: str) -> None:
    """Requests, jobs, history."""
    command = "rm -f /var/tmp/mine"
    with asking(sandbox, command) as request:
        with Relay(sandbox, member) as other:
            policy = "/run/aios/policy.sock"
            for method, values in (
                ("Reject", {"id": request, "reason": "no"}),
                ("Withdraw", {"id": request}),
                ("Reject", {"id": ID, "reason": "no"}),
            ):
                said = other.varlink(policy, f"org.aios.Policy1.{method}", **values)
                # The same words for what is somebody else's and for what never was.
                assert said["error"] == "org.aios.Error.NotFound"
                assert command not in json.dumps(said)
            listed = other.varlink(policy, "org.aios.Policy1.ListPending")
            assert listed["parameters"] == {"requests": []}
            watched = other.varlink(policy, "org.aios.Policy1.WatchApprovals")
            assert watched["parameters"] == {"pending": 0}
            exec_socket = "/run/aios/exec/aios.sock"
            jobs = other.varlink(exec_socket, "org.aios.Exec1.ListJobs")
            assert jobs["parameters"] == {"jobs": []}
            for method in ("Cancel", "Wait", "Resize"):
                values = {"object": request} | (
                    {"rows": 1, "columns": 1} if method == "Resize" else {}
                )
                said = other.varlink(exec_socket, f"org.aios.Exec1.Job.{method}", **values)
                assert said["error"] == "org.aios.Error.NotFound", said
            for method in ("Attach", "Confirm"):
                said = other.varlink(exec_socket, f"org.aios.Exec1.{method}", id=request)
                assert said["error"] == "org.aios.Error.NotFound", said
            for everyone in (False, True):
                rows = other.varlink(
                    "/run/aios/memory.sock", "org.aios.Memory1.History",
                    filter={"everyone": everyone},
                )  # fmt: skip
                assert rows["parameters"] == {"rows": []}
        assert requests(sandbox)[command] == request


CHILD = """
import os, socket, sys
# A child connects, ends, and leaves its connection: whom the kernel names is gone.
peer = socket.socket(socket.AF_UNIX)
child = os.fork()
if not child:
    peer.connect(sys.argv[1])
    os._exit(0)
os.waitpid(child, 0)
peer.settimeout(20)
peer.sendall(sys.argv[2].encode() + b"\\0")
print(peer.recv(100000).decode().rstrip("\\0"))
"""


def test_a_caller_that_has_gone_is_nobody(sandbox: Sandbox) -> None:
    """A command that aios runs could call in that way, as its own person."""
    command = "rm -f /var/tmp/by-a-child"
    with asking(sandbox, command) as request:
        call = {"method": "org.aios.Policy1.Approve", "parameters": {"id": request}}
        said = sandbox.run(
            ["/usr/bin/python3", "-I", "-c", CHILD, "/run/aios/policy.sock", json.dumps(call)],
            user="me", check=False,
        ).stdout  # fmt: skip
        assert "NotAuthorized" in said, said
        run = {"method": "org.aios.Exec1.Run", "parameters": {"command": "id"}}
        said = sandbox.run(
            ["/usr/bin/python3", "-I", "-c", CHILD, "/run/aios/exec/aios.sock", json.dumps(run)],
            user="me", check=False,
        ).stdout  # fmt: skip
        assert "NotAuthorized" in said, said
        assert requests(sandbox)[command] == request


def test_what_aios_runs_asks_nothing_of_it(sandbox: Sandbox) -> None:
    """A unit as exec makes them, of the person's uid, on the bus, which commands do reach."""
    command = "rm -f /var/tmp/by-a-command"
    job = act(sandbox, 'tell(start("sleep 4905", detach=True)[0])')
    exec1 = ["org.aios.Exec1.aios", "/org/aios/Exec1"]
    with asking(sandbox, command) as request:
        inside = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--uid=me",
                  "--slice=aios.slice", "--unit=run-aios-attack.service", "--"]  # fmt: skip
        for argv in (
            [*BUSCTL, *POLICY, "Approve", "sa{sv}", request, "0"],
            [*BUSCTL, "org.aios.Exec1.aios", "/org/aios/Exec1", "org.aios.Exec1", "Run", "sa{sv}",
             "touch /var/tmp/nested", "0"],
            ["aios", "exec", "--", "true"],
            [*BUSCTL, *exec1, "org.aios.Exec1", "ListJobs"],
            [*BUSCTL, *exec1, "org.aios.Exec1", "Attach", "s", job],
            [*BUSCTL, *exec1, "org.aios.Exec1", "Confirm", "s", job],
        ):  # fmt: skip
            done = sandbox.run([*inside, *argv], check=False)
            assert done.returncode and "what aios runs may not ask aios" in done.stderr, done
        cancel = [*BUSCTL, exec1[0], f"{exec1[1]}/job/{job}", "org.aios.Exec1.Job", "Cancel"]
        assert sandbox.run([*inside, *cancel], check=False).returncode
        assert sandbox.run(cancel, user="me").returncode == 0
        assert requests(sandbox)[command] == request
