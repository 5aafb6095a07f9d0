"""The units, the bus's rules and polkit's, as the real ones apply them."""

import re
import subprocess

import pytest
from sandbox import Sandbox

from aios.audit_ids import MessageId

NAMES = {
    "org.aios.Chat1": "aios-chat",
    "org.aios.Policy1": "aios-policy",
    "org.aios.Memory1": "aios-memory",
    "org.aios.Machine1": "root",
    "org.aios.Exec1.aios": "root",
    "org.aios.Exec1._2ehost": "root",
}
SYSTEMD = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1",
           "org.freedesktop.systemd1.Manager")  # fmt: skip

# Owns a name and, told to, emits a signal from it.
OWNER = """
import sys
from jeepney import DBusAddress, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection, Proxy
bus = open_dbus_connection("SYSTEM")
name = sys.argv[1]
print(Proxy(message_bus, bus).RequestName(name, 4)[0], flush=True)
if sys.stdin.readline():
    address = DBusAddress("/org/aios/Policy1", interface="org.aios.Policy1")
    bus.send(new_signal(address, "ApprovalResolved", "ssu", ("ID", "approved", 0)))
    print("sent", flush=True)
    sys.stdin.readline()
"""

# Says what it hears of policy's signals, and of one that its own call makes the bus send last.
LISTENER = """
import sys
from jeepney import MatchRule
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection, Proxy
bus = open_dbus_connection("SYSTEM")
proxy = Proxy(message_bus, bus)
policy = MatchRule(type="signal", interface="org.aios.Policy1")
proxy.AddMatch(policy)
print("listening", flush=True)
sys.stdin.readline()
with bus.filter(policy) as heard:
    proxy.GetId()
    print(len(heard), flush=True)
"""


def test_units_verify(sandbox: Sandbox) -> None:
    units = sandbox.sh("ls /usr/lib/systemd/system/aios-*").split()
    instances = [re.sub(r"@\.", "@aios.", unit.rpartition("/")[2]) for unit in units]
    result = sandbox.run(
        ["systemd-analyze", "verify", "--man=no", *instances, "systemd-nspawn@aios.service"],
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["aios-exec@aios", "aios-policy", "aios-memory", "aios-chat"])
def test_a_service_takes_no_more_than_its_share(sandbox: Sandbox, unit: str) -> None:
    assert int(sandbox.sh(f"systemctl show -P MemoryMax {unit}.service")) <= 2 * 2**30


def test_the_sockets_listen(sandbox: Sandbox) -> None:
    sandbox.wait_machine("aios")
    listening = sandbox.sh("ls -l /run/aios /run/aios/machine /run/aios/exec")
    for name in ("chat", "policy", "memory"):
        assert len(re.findall(rf"^srw-rw-rw-.* {name}\.sock$", listening, re.MULTILINE)) == 2
    for name in ("aios", ".host"):
        sandbox.sh(f"test -S /run/aios/exec/{name}.sock")


@pytest.mark.parametrize("name", NAMES)
def test_the_bus_starts_the_service(sandbox: Sandbox, name: str) -> None:
    path = "/" + "/".join(name.split(".")[:3])
    sandbox.call(name, path, "org.freedesktop.DBus.Peer", "Ping", user="me")


@pytest.mark.parametrize("user", ["root", "me", *{u for u in NAMES.values() if u != "root"}])
@pytest.mark.parametrize("name", NAMES)
def test_only_the_right_user_owns_a_name(sandbox: Sandbox, name: str, user: str) -> None:
    if NAMES[name] == user:
        return
    with pytest.raises(subprocess.CalledProcessError) as caught:
        sandbox.run(["/usr/lib/aios/venv/bin/python3", "-I", "-c", OWNER, name], user=user)
    assert "is not allowed to own the service" in caught.value.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_outsider_may_not_call(sandbox: Sandbox, name: str) -> None:
    path = "/" + "/".join(name.split(".")[:3])
    result = sandbox.run(
        ["busctl", "call", name, path, "org.freedesktop.DBus.Peer", "Ping"],
        user="outsider", check=False,
    )  # fmt: skip
    assert result.returncode != 0
    assert "denied" in result.stderr


def test_an_outsider_hears_no_signals(sandbox: Sandbox) -> None:
    sandbox.run(["systemctl", "stop", "--quiet", "aios-policy.service"])
    python = ["/usr/lib/aios/venv/bin/python3", "-I", "-c"]
    listeners = {user: sandbox.popen([*python, LISTENER], user=user) for user in ("me", "outsider")}
    owner = sandbox.popen([*python, OWNER, "org.aios.Policy1"], user="aios-policy")
    for process in (*listeners.values(), owner):
        assert process.stdout is not None
        assert process.stdout.readline().strip() in ("listening", "1")
    assert owner.stdin is not None and owner.stdout is not None
    owner.stdin.write("\n")
    owner.stdin.flush()
    assert owner.stdout.readline() == "sent\n"
    heard = {user: process.communicate("\n", timeout=30) for user, process in listeners.items()}
    owner.communicate("\n", timeout=30)
    assert {user: out.strip() for user, (out, _) in heard.items()} == {"me": "1", "outsider": "0"}


def start(sandbox: Sandbox, unit: str, user: str) -> subprocess.CompletedProcess[str]:
    return sandbox.run(["busctl", "call", *SYSTEMD, "StartUnit", "ss", unit, "replace"],
                       user=user, check=False)  # fmt: skip


def test_memory_may_attach_machines(sandbox: Sandbox) -> None:
    assert start(sandbox, "aios-attach@aios.service", "aios-memory").returncode == 0
    sandbox.wait_unit("aios-attach@aios.service", "inactive", "failed")
    assert sandbox.sh("systemctl show -P Result aios-attach@aios.service") == "success"


@pytest.mark.parametrize(
    ("unit", "user"),
    [
        ("aios-exec@aios.service", "aios-memory"),
        ("aios-attach@.host.service.service", "aios-chat"),
        ("aios-attach@aios.service", "aios-chat"),
        ("aios-attach@aios.service", "aios-policy"),
        ("systemd-nspawn@aios.service", "aios-memory"),
    ],
)
def test_nobody_may_start_anything_else(sandbox: Sandbox, unit: str, user: str) -> None:
    result = start(sandbox, unit, user)
    assert result.returncode != 0
    assert "authentication required" in result.stderr or "Access denied" in result.stderr


def test_memory_may_not_make_units(sandbox: Sandbox) -> None:
    result = sandbox.run(
        ["systemd-run", "--unit=aios-attach@made.service", "true"], user="aios-memory", check=False
    )
    assert result.returncode != 0
    assert sandbox.sh("systemctl show -P ActiveState aios-attach@made.service") == "inactive"


@pytest.mark.parametrize("name", ["../x", ".host", "a b", "-x", "a" * 70])
def test_attach_refuses_what_is_no_machine(sandbox: Sandbox, name: str) -> None:
    before = sandbox.sh("ls -A /etc/systemd/nspawn /etc/dbus-1/system.d")
    result = sandbox.run(
        ["/usr/lib/aios/venv/bin/python3", "-I", "-m", "aios.attach", name], check=False
    )
    assert result.returncode == 1
    assert "not a machine's name" in result.stderr
    assert sandbox.sh("ls -A /etc/systemd/nspawn /etc/dbus-1/system.d") == before


def test_approving_asks_for_an_administrator_each_time(sandbox: Sandbox) -> None:
    action = sandbox.sh("pkaction --verbose --action-id org.aios.policy.approve")
    assert re.findall(r"implicit \w+: +(\w+)", action) == ["auth_admin"] * 3
    assert "org.freedesktop.policykit.owner -> unix-user:aios-policy" in action


def test_the_journal_explains_each_message(sandbox: Sandbox) -> None:
    known = sandbox.sh("journalctl --list-catalog --no-pager 2>/dev/null")
    for message in MessageId:
        assert message in known
