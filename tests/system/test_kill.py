"""kill -9 of each service between any two steps: nothing is lost, nothing runs twice."""

import pytest
from governed import pending, until
from sandbox import Sandbox

UNITS = ["aios-chat", "aios-policy", "aios-exec@aios", "aios-memory"]


def kill(sandbox: Sandbox, unit: str) -> None:
    """The next call may come before it has ended."""
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
    command = f"rm -f {marker}; echo once >> {marker}"
    waiting = sandbox.popen(["aios", "exec", "--wait-approval", "60", "--", command], user="me")
    request = pending(sandbox, command)
    kill(sandbox, unit)
    sandbox.run(["aios", "approve", request], user="me")
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, (out, err)
    assert sandbox.machine(["cat", marker]).stdout == "once\n"


def test_a_request_whose_exec_was_killed_never_runs(sandbox: Sandbox) -> None:
    marker = "/var/tmp/orphaned"
    command = f"touch {marker} > /var/tmp/x"
    waiting = sandbox.popen(["aios", "exec", "--wait-approval", "60", "--", command], user="me")
    request = pending(sandbox, command)
    kill(sandbox, "aios-exec@aios")
    waiting.communicate(timeout=60)
    assert waiting.returncode not in (0, None)
    sandbox.run(["aios", "approve", request], user="me", check=False)
    sandbox.run(["aios", "exec", "--", "true"], user="me")
    assert sandbox.machine(["test", "-e", marker], check=False).returncode == 1
