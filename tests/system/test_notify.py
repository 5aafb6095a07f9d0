"""Requests that reach a person who is not asked: on consoles, and on the desktop."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from governed import end, pending, start, until
from person import Person
from sandbox import PYTHON, Sandbox

pytestmark = pytest.mark.system

COMMAND = "rm -f /srv/\x1b[2K<b>x</b>"
SHOWN = r"rm -f /srv/\x1b[2K<b>x</b>"
DROP_IN = "/etc/aios/config.d/50-console.toml"

# A notification service, as a desktop has one: says what it is asked to show, as JSON lines.
DESKTOP = """
import json
from jeepney import HeaderFields, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

NAME = "org.freedesktop.Notifications"
bus = open_dbus_connection("SESSION")
Proxy(message_bus, bus).RequestName(NAME, 4)
print("ready", flush=True)
number = 0
while True:
    call = bus.receive()
    fields = call.header.fields
    if call.header.message_type.name != "method_call" or fields.get(HeaderFields.interface) != NAME:
        continue
    member = fields[HeaderFields.member]
    if member == "GetCapabilities":
        reply = new_method_return(call, "as", (["body", "body-markup"],))
    elif member == "Notify":
        number += 1
        reply = new_method_return(call, "u", (number,))
    elif member == "CloseNotification":
        reply = new_method_return(call)
    else:
        reply = new_error(call, "org.freedesktop.DBus.Error.UnknownMethod")
    bus.send(reply)
    if member != "GetCapabilities":
        print(json.dumps([member, call.body]), flush=True)
"""


@contextmanager
def attended(sandbox: Sandbox, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """What me leaves running meanwhile."""
    process = sandbox.popen(argv, user="me")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def refuse(sandbox: Sandbox, request: str, waiting: subprocess.Popen[str]) -> None:
    sandbox.run(["aios", "reject", request], user="me")
    end(waiting)


# Consoles


@pytest.fixture
def console_notify(sandbox: Sandbox) -> Iterator[None]:
    sandbox.sh(f"printf '[policy]\\nconsole_notify = true\\n' >{DROP_IN}")
    yield
    sandbox.sh(f"rm {DROP_IN}")


@pytest.mark.usefixtures("console_notify")
def test_a_request_comes_on_terminals_of_approvers(sandbox: Sandbox) -> None:
    other = Person(sandbox, ["sh", "-c", "echo here; exec sleep 600"], user="outsider")
    with Person(sandbox, ["sh", "-c", "echo here; exec sleep 600"]) as approver, other:
        approver.sees("here")
        other.sees("here")
        waiting = start(sandbox, COMMAND)
        request = pending(sandbox, COMMAND)
        text = approver.sees(f"aios approve {request}")
        assert "aios: me asks to run in aios" in text and SHOWN in text and "\x1b" not in text
        unit = f"aios-console-notify@{request}.service"
        sandbox.wait_unit(unit, "inactive", "failed")
        assert sandbox.sh(f"systemctl show -P Result {unit}") == "success"
        said = [record["MESSAGE"] for record in sandbox.journal(f"--unit={unit}")]
        assert not [message for message in said if "/dev/" in message], said
        with pytest.raises(TimeoutError):
            other.sees("approve", timeout=2)
        refuse(sandbox, request, waiting)


def test_without_the_setting_nothing_is_started(sandbox: Sandbox) -> None:
    waiting = start(sandbox, COMMAND)
    request = pending(sandbox, COMMAND)
    refuse(sandbox, request, waiting)
    assert not sandbox.journal(f"--unit=aios-console-notify@{request}.service")


@pytest.mark.usefixtures("console_notify")
def test_a_request_does_not_need_the_consoles(sandbox: Sandbox) -> None:
    sandbox.run(["systemctl", "mask", "--runtime", "aios-console-notify@.service"])
    try:
        waiting = start(sandbox, COMMAND)
        request = pending(sandbox, COMMAND)
        refuse(sandbox, request, waiting)
        until(lambda: sandbox.journal("--unit=aios-policy", f"AIOS_LOG_ID={request}"))
    finally:
        sandbox.run(["systemctl", "unmask", "--runtime", "aios-console-notify@.service"])


@pytest.mark.parametrize(
    ("unit", "user", "may"),
    [
        ("aios-console-notify@01ARZ3NDEKTSV4RRFFQ69G5FAV.service", "aios-policy", True),
        ("aios-console-notify@01ARZ3NDEKTSV4RRFFQ69G5FAV.service", "aios-chat", False),
        ("aios-console-notify@x.service", "aios-policy", False),
        ("aios-console-notify@01ARZ3NDEKTSV4RRFFQ69G5FAVx.service", "aios-policy", False),
        ("aios-exec@aios.service", "aios-policy", False),
    ],
)
def test_policy_may_start_nothing_else(sandbox: Sandbox, unit: str, user: str, may: bool) -> None:
    done = sandbox.run(["systemctl", "--no-ask-password", "start", unit], user=user, check=False)
    assert (done.returncode == 0) is may


@pytest.mark.parametrize("request_id", ["../x", "x", "", "01ARZ3NDEKTSV4RRFFQ69G5FAV\nx"])
def test_what_is_no_id_is_refused(sandbox: Sandbox, request_id: str) -> None:
    argv = [PYTHON, "-I", "-m", "aios.console_notify", request_id]
    done = sandbox.run(argv, check=False)
    assert done.returncode == 1 and "not a request's id" in done.stderr


# The desktop


@dataclass(frozen=True)
class Desktop:
    address: str
    service: subprocess.Popen[str]

    def asked(self) -> tuple[str, list[object]]:
        assert self.service.stdout is not None
        member, body = json.loads(self.service.stdout.readline())
        return member, body


@pytest.fixture
def session_bus(sandbox: Sandbox) -> Iterator[str]:
    """The address of a bus of me's own."""
    with attended(sandbox, "dbus-daemon", "--session", "--nofork", "--print-address") as daemon:
        assert daemon.stdout is not None
        yield daemon.stdout.readline().strip()


@pytest.fixture
def desktop(sandbox: Sandbox, session_bus: str) -> Iterator[Desktop]:
    argv = ["env", f"DBUS_SESSION_BUS_ADDRESS={session_bus}", PYTHON, "-I", "-c", DESKTOP]
    with attended(sandbox, *argv) as service:
        assert service.stdout is not None and service.stdout.readline() == "ready\n"
        yield Desktop(session_bus, service)


def command_of_the_unit(sandbox: Sandbox) -> list[str]:
    unit = sandbox.sh("cat /usr/lib/systemd/user/aios-approvals.service")
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    return line.removeprefix("ExecStart=").split()


def test_a_request_comes_as_a_notification(sandbox: Sandbox, desktop: Desktop) -> None:
    argv = ["env", f"DBUS_SESSION_BUS_ADDRESS={desktop.address}", *command_of_the_unit(sandbox)]
    with attended(sandbox, *argv) as watcher:
        assert watcher.stderr is not None and "notifications" in watcher.stderr.readline()
        waiting = start(sandbox, COMMAND)
        request = pending(sandbox, COMMAND)
        member, body = desktop.asked()
        assert member == "Notify" and body[0] == "aios"
        assert body[3] == "aios: run this in aios?"
        first, *rest = str(body[4]).split("\n")
        assert first == SHOWN.replace("<", "&lt;").replace(">", "&gt;")
        assert rest[0].startswith("for me, by ") and rest[1] == f"aios approve {request}"
        refuse(sandbox, request, waiting)
        assert desktop.asked() == ("CloseNotification", [1])
        long = "rm -f /srv/" + "y" * 500
        waiting = start(sandbox, long)
        request = pending(sandbox, long)
        _, body = desktop.asked()
        assert "… (cut: 511 characters)\n" in str(body[4]) and f"approve {request}" in str(body[4])
        refuse(sandbox, request, waiting)


def test_no_notification_service_is_told(sandbox: Sandbox, session_bus: str) -> None:
    argv = ["env", f"DBUS_SESSION_BUS_ADDRESS={session_bus}", *command_of_the_unit(sandbox)]
    done = sandbox.run(argv, user="me", check=False)
    assert done.returncode == 125
    assert "no desktop notifications" in done.stderr and "aios approvals --watch" in done.stderr


def test_the_user_unit(sandbox: Sandbox, desktop: Desktop) -> None:
    """As the person's own systemd starts it, with all of its confinement."""
    uid = sandbox.sh("id -u me")
    sandbox.run(["systemctl", "start", f"user@{uid}.service"])
    runtime = ["env", f"XDG_RUNTIME_DIR=/run/user/{uid}"]
    manager = [*runtime, "systemctl", "--user"]
    unit = "aios-approvals.service"
    try:
        verified = sandbox.run(
            [*runtime, "systemd-analyze", "--user", "verify", "--man=no",
             f"/usr/lib/systemd/user/{unit}"],
            user="me", check=False,
        )  # fmt: skip
        assert (verified.returncode, verified.stderr) == (0, "")
        address = f"DBUS_SESSION_BUS_ADDRESS={desktop.address}"
        sandbox.run([*manager, "set-environment", address], user="me")
        sandbox.run([*manager, "start", unit], user="me")
        waiting = start(sandbox, COMMAND)
        request = pending(sandbox, COMMAND)
        assert f"aios approve {request}" in str(desktop.asked()[1][4])
        refuse(sandbox, request, waiting)
        assert sandbox.run([*manager, "is-active", unit], user="me").stdout == "active\n"
    finally:
        sandbox.run([*manager, "stop", unit], user="me", check=False)
        sandbox.run(["systemctl", "stop", f"user@{uid}.service"])
