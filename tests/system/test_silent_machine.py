"""A machine that is there and does not answer: its init is stopped, and goes on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from governed import chain, last_job, units, until
from sandbox import Sandbox

pytestmark = [pytest.mark.system, pytest.mark.long]

LOST = "touch /tmp/begun; sleep 1000"


@contextmanager
def silent(sandbox: Sandbox) -> Iterator[None]:
    leader = sandbox.machine_leader()
    sandbox.run(["kill", f"-{signal.SIGSTOP}", leader])
    try:
        yield
    finally:
        sandbox.run(["kill", f"-{signal.SIGCONT}", leader])


def said(sandbox: Sandbox, command: str) -> tuple[int, str]:
    ran = sandbox.run(["aios", "exec", "--", command], check=False)
    return ran.returncode, ran.stdout + ran.stderr


def test_exec_cannot_reach_it(sandbox: Sandbox) -> None:
    sandbox.run(["systemctl", "stop", "aios-exec@aios.service"])
    with silent(sandbox):
        status, told = said(sandbox, "echo silent")
        assert (status, told.splitlines()[0]) == (125, "aios: machine aios does not answer")
        # What was sent to ask it is gone as well.
        exec_ = sandbox.sh("systemctl show -P MainPID aios-exec@aios.service")
        assert sandbox.run(["pgrep", "--parent", exec_], check=False).stdout == ""
    assert said(sandbox, "echo again") == (0, "again\n")


def test_it_falls_silent(sandbox: Sandbox) -> None:
    """What it was told and has not begun is on record as lost: it does not run on by itself."""
    assert said(sandbox, "touch /tmp/before") == (0, "")
    with silent(sandbox):
        status, told = said(sandbox, LOST)
        assert (status, told.splitlines()[1]) == (125, "  nobody can say how far the command came")
    assert said(sandbox, "echo again") == (0, "again\n")
    until(lambda: not units(sandbox))
    # It had begun it, and did so when it went on.
    assert sandbox.run(["aios", "exec", "--", "ls /tmp/begun"], check=False).returncode == 0
    assert chain(sandbox, last_job(sandbox, LOST))[-1]["AIOS_ENDED"] == "lost"
