"""kill -9 of each service between any two steps: nothing is lost, nothing runs twice."""

import json

import pytest
from governed import until
from sandbox import Sandbox

UNITS = ["aios-chat", "aios-policy", "aios-exec@aios", "aios-memory"]


def kill(sandbox: Sandbox, unit: str) -> None:
    sandbox.run(["systemctl", "kill", "-s", "KILL", f"{unit}.service"], check=False)


def just_run(sandbox: Sandbox) -> str:
    return sandbox.run(["aios", "what did I just run?"], user="me", check=False).stdout


@pytest.mark.parametrize("unit", UNITS)
def test_the_next_call_works(sandbox: Sandbox, unit: str) -> None:
    for round_ in range(2):
        sandbox.run(["aios", "exec", "--", "true"], user="me")
        kill(sandbox, unit)
        said = sandbox.run(["aios", "exec", "--", f"echo {round_}"], user="me")
        assert said.stdout == f"{round_}\n"
        kill(sandbox, unit)
        # Its row may still be with exec, when the memory that was given it has been killed.
        until(lambda told=f"echo {round_}": told in just_run(sandbox))


@pytest.mark.parametrize("unit", ["aios-policy", "aios-memory"])
def test_an_approval_survives(sandbox: Sandbox, unit: str) -> None:
    marker = f"/var/tmp/approved-by-{unit}"
    waiting = sandbox.popen(
        ["aios", "exec", "--wait-approval", "60", "--", f"rm -f {marker}; echo once >> {marker}"],
        user="me",
    )
    pending = pending_request(sandbox)
    kill(sandbox, unit)
    sandbox.run(["aios", "approve", pending["id"]], user="me")
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, (out, err)
    assert sandbox.machine(["cat", marker]).stdout == "once\n"


def test_a_request_whose_exec_was_killed_never_runs(sandbox: Sandbox) -> None:
    marker = "/var/tmp/orphaned"
    waiting = sandbox.popen(
        ["aios", "exec", "--wait-approval", "60", "--", f"touch {marker} > /var/tmp/x"], user="me"
    )
    pending = pending_request(sandbox)
    kill(sandbox, "aios-exec@aios")
    waiting.communicate(timeout=60)
    assert waiting.returncode not in (0, None)
    sandbox.run(["aios", "approve", pending["id"]], user="me", check=False)
    sandbox.run(["aios", "exec", "--", "true"], user="me")
    assert sandbox.machine(["test", "-e", marker], check=False).returncode == 1


def pending_request(sandbox: Sandbox) -> dict[str, str]:
    """The one pending request, as soon as there is one."""
    for _ in range(200):
        listed = json.loads(sandbox.run(["aios", "approvals", "--json"], user="me").stdout)
        if listed:
            request: dict[str, str] = listed[0]
            return request
    raise AssertionError("no request became pending")
