"""What aios does when what it stands on breaks: says so, does nothing half, uses no processor for
it, and goes on by itself when it is mended."""

import contextlib
import json
import subprocess
from collections.abc import Iterator

import pytest
from faults import (
    ASKED,
    MARKER,
    STATE,
    comes_back,
    fill,
    no_journal,
    quiet,
    resident_mib,
    room,
    small_disk,
    verified,
)
from governed import (
    BEHIND_GATE,
    approve,
    chain,
    end,
    events,
    kill,
    last_job,
    open_gate,
    pending,
    run,
    shut_gate,
    start,
    started,
    units,
    until,
)
from jobs import act
from sandbox import Sandbox


@pytest.fixture(autouse=True)
def nothing_ran(sandbox: Sandbox) -> None:
    sandbox.machine(["rm", "-f", MARKER, "/var/tmp/unsaid"])


def ran(sandbox: Sandbox, marker: str = MARKER) -> bool:
    return sandbox.machine(["test", "-e", marker], check=False).returncode == 0


def says(sandbox: Sandbox, prompt: str) -> tuple[int, str]:
    done = sandbox.run(["aios", prompt], user="me", check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


# A file system without room, or that nobody may write to


def test_no_room_for_what_exec_keeps(sandbox: Sandbox) -> None:
    directory = STATE["aios-exec@aios"]
    with small_disk(sandbox, directory, "aios-exec@aios"):
        refused = run(sandbox, f"touch {MARKER}").error
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
        detached = ["aios", "exec", "--detach", "--", f"touch {MARKER}"]
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
    assert sandbox.machine(["cat", MARKER]).stdout == "once\n"


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
        sandbox.machine(["rm", "-f", MARKER])
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
    shut_gate(sandbox)
    command = f"{BEHIND_GATE}; seq 100000"
    here = sandbox.popen(["aios", "exec", "--", command], user="me")
    leave = ["aios", "exec", "--detach", "--", command]
    job = sandbox.run(leave, user="me").stdout.strip()
    until(lambda: len(units(sandbox).splitlines()) == 2)
    asked = sandbox.popen(["aios", "exec", "--wait-approval", "60", "--", ASKED], user="me")
    request = pending(sandbox, ASKED)
    sandbox.run(["systemctl", "restart", "dbus.service"])
    _, said = asked.communicate(timeout=60)
    assert (asked.returncode, "went away" in said) == (125, True), said
    comes_back(sandbox)
    sandbox.run(["aios", "approve", request], user="me", check=False)
    open_gate(sandbox)
    lines = "open\n" + "".join(f"{n}\n" for n in range(1, 100001))
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
    shut_gate(sandbox)
    found = started(sandbox, BEHIND_GATE)
    with no_journal(sandbox):
        open_gate(sandbox)
        yield found


def test_the_journal_goes_while_a_command_runs(sandbox: Sandbox) -> None:
    with without_journal(sandbox) as (waiting, job):
        quiet(sandbox)
        assert waiting.poll() is None
    assert end(waiting).stdout == "open\n"
    assert events(sandbox, job) == ["requested", "decided", "started", "finished"]
    verified(sandbox)


@pytest.mark.long
def test_the_journal_stays_away(sandbox: Sandbox) -> None:
    """For longer than exec waits for it with the end of a command."""
    shut_gate(sandbox)
    script = f"tell(start({BEHIND_GATE!r}, detach=True)[0])"
    detached = act(sandbox, script)
    with without_journal(sandbox) as (waiting, job):
        assert "nothing runs" in run(sandbox, f"touch {MARKER}").error
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
    assert sandbox.run(["aios", "attach", detached], user="me", check=False).stdout == "open\n"
    verified(sandbox)


# Too many


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
        sandbox.sh(f"chown -R aios-policy: {requests}")
        kill(sandbox, "aios-policy")
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


def test_descriptors_are_short(sandbox: Sandbox) -> None:
    """What did not run for want of them is on record, and those that it had are given back."""
    command = "echo short"
    assert run(sandbox, "echo before").stdout == "before\n"
    pid = sandbox.sh("systemctl show -P MainPID aios-exec@aios.service")

    def held() -> list[int]:
        return sorted(int(name) for name in sandbox.sh(f"ls /proc/{pid}/fd").split())

    before = until(lambda: len(found := held()) == len(held()) and found)
    # Enough for all that goes before, and for one pipe of two.
    least = sorted(set(range(before[-1] + 4)) - set(before))[2] + 1
    hard = sandbox.sh(f"prlimit --pid {pid} --nofile --noheadings --output HARD").strip()
    sandbox.sh(f"prlimit --pid {pid} --nofile={least}:{hard}")
    try:
        assert "too many open files" in run(sandbox, command).error
    finally:
        sandbox.sh(f"prlimit --pid {pid} --nofile={hard}:{hard}")
    records = chain(sandbox, last_job(sandbox, command))
    assert [record["AIOS_EVENT"] for record in records] == ["requested", "decided", "finished"]
    assert "Not run (too many open files" in records[-1]["MESSAGE"]
    until(lambda: held() == before)
    assert run(sandbox, command).stdout == "short\n"
