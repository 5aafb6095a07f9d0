"""The watch on what waits for approval; wider profiles; and who is nobody to approve."""

import json

import pytest
from governed import approve, end, kill, pending, requests, start, until
from person import QUESTION, Person
from sandbox import Sandbox
from test_session_grants import FOR_SESSION, REMOVE, removed

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", autouse=True)
def to_be_removed(sandbox: Sandbox) -> None:
    sandbox.machine(["mkdir", "-p", "/srv/granted"])


# The watch


@pytest.mark.usefixtures("nothing_waits")
def test_watch_at_a_terminal(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios", "approvals", "--watch"]) as watcher:
        watcher.sees("Waiting for requests")
        waiting = start(sandbox, REMOVE, cwd="/srv")
        card = watcher.sees(QUESTION)
        assert REMOVE in card and "cwd        /srv" in card and "profile    full" in card
        watcher.type("y")
        assert end(waiting).status == 0 and removed(sandbox)
        # Policy may go and come back, with what waits.
        kill(sandbox, "aios-policy")
        again = start(sandbox, REMOVE)
        watcher.sees(QUESTION)
        approve(sandbox, pending(sandbox, REMOVE))
        watcher.sees("approved")
        assert end(again).status == 0 and removed(sandbox)
        third = start(sandbox, REMOVE)
        watcher.sees(QUESTION)
        watcher.type("q")
        assert watcher.leaves() == 0
    job = pending(sandbox, REMOVE)
    sandbox.run(["aios", "reject", job], user="me")
    end(third)


@pytest.mark.usefixtures("nothing_waits")
def test_watch_by_lines(sandbox: Sandbox) -> None:
    watcher = sandbox.popen(["aios", "approvals", "--watch", "--json"], user="me")
    assert watcher.stdout is not None
    try:
        command = "rm -f /srv/\x1b[2Kx"
        waiting = start(sandbox, command)
        request = json.loads(watcher.stdout.readline())["request"]
        assert request["command"] == "rm -f /srv/\\x1b[2Kx" and request["grant"] == {}
        sandbox.run(["aios", "reject", request["id"], "no"], user="me")
        resolved = json.loads(watcher.stdout.readline())["resolved"]
        assert (resolved["id"], resolved["outcome"]) == (request["id"], "rejected")
        end(waiting)
    finally:
        watcher.kill()
        watcher.wait()


# Profiles


def test_a_wider_profile_needs_approval(sandbox: Sandbox) -> None:
    refused = sandbox.run(
        ["aios", "exec", "--wait-approval", "0.5", "--profile", "standard", "--", "id", "-un"],
        user="me", check=False,
    )  # fmt: skip
    assert refused.returncode == 3
    with Person(sandbox, ["aios", "exec", "--profile", "standard", "--", "id", "-un"]) as person:
        card = person.sees(QUESTION)
        assert "profile    standard" in card and FOR_SESSION not in card
        person.type("y")
        person.sees("root")
        assert person.leaves() == 0


def test_the_profile_may_be_why(sandbox: Sandbox) -> None:
    failed = sandbox.run(["aios", "exec", "--", "ls /proc/1/root/"], user="me", check=False)
    assert failed.returncode == 2
    assert "may be why" in failed.stderr and "--profile standard" in failed.stderr
    other = sandbox.run(["aios", "exec", "--", "ls /nowhere"], user="me", check=False)
    assert "may be why" not in other.stderr
    said = sandbox.run(["aios", "!ls /proc/1/root/"], user="me", check=False)
    assert "may be why" in said.stdout + said.stderr


def test_what_aios_runs_approves_nothing(sandbox: Sandbox) -> None:
    """A command of aios's is no person, whoever's it is and wherever it found the socket."""
    waiting = start(sandbox, REMOVE)
    job = pending(sandbox, REMOVE)
    script = (
        'import json,socket;s=socket.socket(socket.AF_UNIX);s.connect("/run/aios/policy.sock");'
        's.sendall(json.dumps({"method":"org.aios.Policy1.ListPending"}).encode()+bytes(1));'
        "print(s.recv(9999))"
    )
    command = f"python3 -c '{script}'"
    trying = start(sandbox, command)
    until(lambda: requests(sandbox).get(command))
    approve(sandbox, pending(sandbox, command))
    assert "NotAuthorized" in end(trying).stdout
    sandbox.run(["aios", "reject", job], user="me")
    end(waiting)
