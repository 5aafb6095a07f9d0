"""What aios does when what it stands on breaks: says so, does nothing half, uses no processor for
it, and goes on by itself when it is mended."""

import contextlib
import json
import subprocess
from collections.abc import Iterator

import pytest
from faults import QUIET, busy, comes_back, fill, no_journal, resident_mib, room, small_disk
from governed import approve, chain, end, events, pending, run, start, started, until
from jobs import acting, go_on, told
from sandbox import PYTHON, Sandbox

SERVICES = ["aios-exec@aios", "aios-policy", "aios-memory", "aios-chat"]
STATE = {
    "aios-exec@aios": "/var/lib/aios/exec/aios",
    "aios-policy": "/var/lib/aios/policy",
    "aios-chat": "/var/lib/aios/chat",
}
ASKED = "rm -f /var/tmp/faulty; echo once >> /var/tmp/faulty"


@pytest.fixture(autouse=True)
def nothing_ran(sandbox: Sandbox) -> None:
    sandbox.machine(["rm", "-f", "/var/tmp/faulty", "/var/tmp/unsaid"])


def quiet(sandbox: Sandbox) -> None:
    """Once what was begun is done; who runs in circles never is."""
    until(lambda: max(busy(sandbox, *SERVICES).values(), default=0) < QUIET)


def verified(sandbox: Sandbox) -> None:
    said = sandbox.run(["aios", "log", "verify", "--json", "-m", "aios"], check=False).stdout
    assert [report["findings"] for report in json.loads(said)] == [[]]


def ran(sandbox: Sandbox, marker: str = "/var/tmp/faulty") -> bool:
    return sandbox.machine(["test", "-e", marker], check=False).returncode == 0


def says(sandbox: Sandbox, prompt: str) -> tuple[int, str]:
    done = sandbox.run(["aios", prompt], user="me", check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


# A file system without room, or that nobody may write to


def test_no_room_for_what_exec_keeps(sandbox: Sandbox) -> None:
    directory = STATE["aios-exec@aios"]
    with small_disk(sandbox, directory, "aios-exec@aios"):
        refused = run(sandbox, "touch /var/tmp/faulty").error
        assert "exec cannot keep its state" in refused and "df -h" in refused
        by_socket = sandbox.run(["aios", "exec", "--", "true"], user="me", check=False)
        assert (by_socket.returncode, "No space left" in by_socket.stderr) == (125, True)
        quiet(sandbox)
        assert not ran(sandbox)
        room(sandbox, directory)
        comes_back(sandbox)
        # While it runs. What is kept elsewhere, or nowhere, goes on.
        fill(sandbox, directory)
        assert run(sandbox, "echo on").stdout == "on\n"
        much = run(sandbox, "seq 300000")
        assert much.status == 0 and much.details["output_lost"] > 0
        detached = ["aios", "exec", "--detach", "--", "touch /var/tmp/faulty"]
        refused = sandbox.run(detached, user="me", check=False).stderr
        assert "exec cannot keep its state" in refused
        assert not ran(sandbox)
        room(sandbox, directory)
        assert "output_lost" not in run(sandbox, "seq 300000").details
    comes_back(sandbox)
    verified(sandbox)


def test_no_room_for_what_policy_keeps(sandbox: Sandbox) -> None:
    directory = STATE["aios-policy"]
    with small_disk(sandbox, directory, "aios-policy"):
        assert run(sandbox, "echo on").stdout == "on\n"
        assert "policy cannot keep its state" in run(sandbox, ASKED).error
        room(sandbox, directory)
        first, second = start(sandbox, ASKED), start(sandbox, f"{ASKED} # again")
        request, other = pending(sandbox, ASKED), pending(sandbox, f"{ASKED} # again")
        fill(sandbox, directory)
        refused = sandbox.run(["aios", "approve", request], user="me", check=False)
        assert (refused.returncode, "cannot keep its state" in refused.stderr) == (125, True)
        # No is no all the same.
        sandbox.run(["aios", "reject", other], user="me")
        assert "rejected by me" in end(second).error
        quiet(sandbox)
        assert not ran(sandbox)
        room(sandbox, directory)
        approve(sandbox, request)
        assert end(first).status == 0
    assert sandbox.machine(["cat", "/var/tmp/faulty"]).stdout == "once\n"


def test_no_room_for_what_chat_keeps(sandbox: Sandbox) -> None:
    with small_disk(sandbox, STATE["aios-chat"], "aios-chat"):
        status, said = says(sandbox, "!touch /var/tmp/unsaid")
        assert (status, "no space left on device" in said) == (125, True)
        assert not ran(sandbox, "/var/tmp/unsaid")
        quiet(sandbox)
        room(sandbox, STATE["aios-chat"])
        assert says(sandbox, "!true")[0] == 0


@pytest.mark.parametrize("unit", sorted(STATE))
def test_nothing_can_be_written(sandbox: Sandbox, unit: str) -> None:
    with small_disk(sandbox, STATE[unit], unit):
        room(sandbox, STATE[unit])
        sandbox.sh(f"mount -o remount,ro {STATE[unit]}")
        sandbox.machine(["rm", "-f", "/var/tmp/faulty"])
        status, said = says(sandbox, f"!{ASKED}")
        assert (status, "read-only file system" in said.lower()) == (125, True), said
        assert not ran(sandbox)
        quiet(sandbox)
        # A service keeps the mounts that it began with.
        sandbox.run(["systemctl", "stop", f"{unit}.service"])
        sandbox.sh(f"mount -o remount,rw {STATE[unit]}")
        until(lambda: says(sandbox, "!true")[0] == 0)
    verified(sandbox)


# What it is told, and whom it asks


def test_a_broken_configuration(sandbox: Sandbox) -> None:
    path = "/etc/aios/config.d/99-broken.toml"
    sandbox.run(["mkdir", "-p", "/etc/aios/config.d"])
    sandbox.run(["systemctl", "stop", "aios-exec@aios.service"])
    since = sandbox.sh("date +%s.%N")
    sandbox.run(["tee", path], input="[exec")
    try:
        assert f"{path}:1" in run(sandbox, "true").error
        said = sandbox.run(["aios", "exec", "--", "true"], user="me", check=False)
        assert (said.returncode, f"{path}:1" in said.stderr) == (125, True)
        assert f"{path}:1" in says(sandbox, "!true")[1]
        # It is not started for nobody.
        begun = len(sandbox.journal(f"--since=@{since}", "UNIT=aios-exec@aios.service",
                                    "MESSAGE_ID=7d4958e842da4a758f6c1cdc7b36dcc5"))  # fmt: skip
        quiet(sandbox)
        assert begun <= 3
    finally:
        sandbox.run(["rm", path])
    comes_back(sandbox)


def test_polkit_gone(sandbox: Sandbox) -> None:
    waiting = sandbox.popen(["aios", "exec", "--wait-approval", "200", "--", ASKED], user="me")
    request = pending(sandbox, ASKED)
    sandbox.run(["systemctl", "mask", "--runtime", "--now", "polkit.service"])
    try:
        refused = sandbox.run(["aios", "approve", request], user="me", check=False)
        assert refused.returncode == 125
        assert "polkit does not say" in refused.stderr and "systemctl status" in refused.stderr
        assert waiting.poll() is None
        assert run(sandbox, "echo on").stdout == "on\n"
        quiet(sandbox)
    finally:
        sandbox.run(["systemctl", "unmask", "--runtime", "polkit.service"])
    approve(sandbox, request)
    assert waiting.communicate(timeout=60) and waiting.returncode == 0


def test_the_bus_is_restarted(sandbox: Sandbox) -> None:
    """What runs goes on; what waits for a human does not run."""
    sandbox.machine(["rm", "-f", "/var/tmp/go", "/var/tmp/faulty"])
    command = "tail --retry -n 1 -F /var/tmp/go 2>/dev/null | head -n 1; seq 100000"
    here = sandbox.popen(["aios", "exec", "--", command], user="me")
    leave = ["aios", "exec", "--detach", "--", command]
    job = sandbox.run(leave, user="me").stdout.strip()
    asked = sandbox.popen(["aios", "exec", "--wait-approval", "60", "--", ASKED], user="me")
    request = pending(sandbox, ASKED)
    sandbox.run(["systemctl", "restart", "dbus.service"])
    _, said = asked.communicate(timeout=60)
    assert (asked.returncode, "went away" in said) == (125, True), said
    comes_back(sandbox)
    sandbox.run(["aios", "approve", request], user="me", check=False)
    sandbox.machine(["sh", "-c", "echo gone >/var/tmp/go"])
    lines = "gone\n" + "".join(f"{n}\n" for n in range(1, 100001))
    stdout, stderr = here.communicate(timeout=60)
    assert (here.returncode, stdout == lines) == (0, True), stderr
    assert sandbox.run(["aios", "attach", job], user="me").stdout == lines
    assert not ran(sandbox)
    assert sandbox.sh("systemctl list-units --failed --plain --no-legend 'aios-*'") == ""
    quiet(sandbox)
    verified(sandbox)


@contextlib.contextmanager
def without_journal(sandbox: Sandbox) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The caller and the id of a command that was started before, and ends then."""
    sandbox.machine(["rm", "-f", "/var/tmp/go"])
    found = started(sandbox, "tail --retry -n 1 -F /var/tmp/go 2>/dev/null | head -n 1")
    with no_journal(sandbox):
        sandbox.sh("echo gone >/proc/$(machinectl show -p Leader --value aios)/root/var/tmp/go")
        yield found


def test_the_journal_goes_while_a_command_runs(sandbox: Sandbox) -> None:
    with without_journal(sandbox) as (waiting, job):
        quiet(sandbox)
        assert waiting.poll() is None
    assert end(waiting).stdout == "gone\n"
    assert events(sandbox, job) == ["requested", "decided", "started", "finished"]
    verified(sandbox)


@pytest.mark.long
def test_the_journal_stays_away(sandbox: Sandbox) -> None:
    """For longer than exec waits for it with the end of a command."""
    with without_journal(sandbox) as (waiting, job):
        assert "nothing runs" in run(sandbox, "touch /var/tmp/faulty").error
        said = end(waiting).error
        assert "the command ran and has ended (status 0), which is not on record" in said
        quiet(sandbox)
        assert not ran(sandbox)
    comes_back(sandbox)
    assert events(sandbox, job) == ["requested", "decided", "started"]
    # The next exec finds a job that nobody has finished.
    sandbox.run(["systemctl", "stop", "aios-exec@aios.service"])
    comes_back(sandbox)
    last = until(lambda: chain(sandbox, job)[3:])[-1]
    assert (last["AIOS_EVENT"], last["AIOS_ENDED"]) == ("finished", "lost")
    assert len(chain(sandbox, job)) == 4
    verified(sandbox)


# Too many, and too slow

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
    run(sandbox, "true")
    sockets = ["policy.sock", "memory.sock", "chat.sock", "exec/aios.sock"]
    paths = [f"/run/aios/{each}" for each in sockets]
    idle = sandbox.popen([PYTHON, "-I", "-c", IDLE, *paths], user="me")
    try:
        assert idle.stdout and idle.stdout.readline() == f"{1000 * len(paths)}\n", end(idle)
        for user in ("me", "root"):
            assert sandbox.run(["aios", "exec", "--", "echo on"], user=user).stdout == "on\n"
            assert sandbox.run(["aios", "!true"], user=user).returncode == 0
            assert sandbox.run(["aios", "memory", "stats"], user=user).returncode == 0
        quiet(sandbox)
        for unit in SERVICES:
            assert resident_mib(sandbox, unit) < 64
    finally:
        idle.communicate("\n", timeout=30)


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


WAITING = """
import json, pathlib, sys
directory = pathlib.Path("/var/lib/aios/policy/requests")
one = json.loads((directory / f"{sys.argv[1]}.json").read_text())
for number in range(10_000):
    name = f"{one['id'][:-5]}{number:05d}"
    other = one | {"id": name, "uid": 5000 + number // 100, "user": f"u{number // 100}"}
    (directory / f"{name}.json").write_text(json.dumps(other))
"""


@pytest.mark.long
def test_ten_thousand_wait_for_approval(sandbox: Sandbox) -> None:
    """Of a hundred people: one may have a hundred."""
    waiting = start(sandbox, ASKED)
    request = pending(sandbox, ASKED)
    requests = f"{STATE['aios-policy']}/requests"
    try:
        sandbox.python(WAITING, request)
        sandbox.sh(f"chown -R aios-policy: {requests}; systemctl kill -s KILL aios-policy")
        listed = json.loads(sandbox.run(["aios", "approvals", "--json"]).stdout)
        assert len(listed) == 10_001
        other = start(sandbox, f"{ASKED} # other")
        one_more = until(lambda: _only(sandbox, f"{ASKED} # other"))
        approve(sandbox, one_more)
        approve(sandbox, request)
        assert (end(waiting).status, end(other).status) == (0, 0)
        assert run(sandbox, "echo on").stdout == "on\n"
        quiet(sandbox)
        assert resident_mib(sandbox, "aios-policy") < 160
    finally:
        sandbox.run(["systemctl", "stop", "aios-policy.service"])
        sandbox.sh(f'cd {requests} && grep -lZ \'"user": "u\' *.json | xargs -0 rm -f')
    assert len(json.loads(sandbox.run(["aios", "approvals", "--json"]).stdout)) == 0


def _only(sandbox: Sandbox, command: str) -> str:
    """Without the thousands: those of one person are theirs to see."""
    listed = json.loads(sandbox.run(["aios", "approvals", "--json"]).stdout)
    return next((row["id"] for row in listed if row["command"] == command), "")
