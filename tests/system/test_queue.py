"""More commands at once than a machine takes: all run, and nobody waits for one caller's load."""

import pytest
from governed import (
    BEHIND_GATE,
    end,
    events,
    last_job,
    open_gate,
    run,
    shut_gate,
    start,
    units,
    until,
)
from jobs import acting, told
from sandbox import PYTHON, Sandbox

from aios.exec.queue import RUNNING
from aios.exec.run import MAX_OWN

pytestmark = [pytest.mark.system, pytest.mark.long]

# Many calls at once.
MANY = """
import asyncio, json, sys
from pathlib import Path
from aios import varlink_async

async def call(command):
    path = Path("/run/aios/exec/aios.sock")
    answer = await varlink_async.call(path, "org.aios.Exec1.Run",
                                      {"command": command, "options": {}})
    return answer["exit_status"]

async def main(command, count):
    found = await asyncio.gather(*(call(command) for _ in range(count)), return_exceptions=True)
    print(json.dumps([each if isinstance(each, int) else repr(each) for each in found]))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_one_caller_s_load_and_another_s_command(sandbox: Sandbox) -> None:
    # They hold their slots until the gate is open.
    shut_gate(sandbox)
    holding = sandbox.popen([PYTHON, "-I", "-c", MANY, BEHIND_GATE, str(RUNNING + 20)], user="me")
    until(lambda: len(units(sandbox).splitlines()) == RUNNING, 120)
    waiting = start(sandbox, "echo hello", user="root")
    assert len(units(sandbox).splitlines()) == RUNNING
    open_gate(sandbox)
    assert end(waiting).stdout == "hello\n"
    stdout, stderr = holding.communicate(timeout=300)
    assert stdout.strip() == str([0] * (RUNNING + 20)), stderr
    assert run(sandbox, "echo after").stdout == "after\n"


def test_what_is_hidden_is_what_is_there_when_it_starts(sandbox: Sandbox) -> None:
    """And not what was there when it began to wait."""
    socket = "/run/docker.sock"
    shut_gate(sandbox)
    holding = sandbox.popen([PYTHON, "-I", "-c", MANY, BEHIND_GATE, str(RUNNING)], user="me")
    until(lambda: len(units(sandbox).splitlines()) == RUNNING, 120)
    command = f"cat {socket}"
    waiting = start(sandbox, command)
    job = until(lambda: last_job(sandbox, command))
    until(lambda: "decided" in events(sandbox, job))
    sandbox.machine(["sh", "-c", f"echo seen >{socket}"])
    try:
        open_gate(sandbox)
        assert end(waiting).stdout == ""
    finally:
        sandbox.machine(["rm", socket])
        holding.communicate(timeout=300)


UNREAD = """
import resource
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
held = 0
try:
    while held < 600:
        job, stdin, stdout, stderr = start("head -c 100000 /dev/zero")
        os.close(stdin)
        os.close(stderr)
        held += 1
except Failed as error:
    tell([held, str(error)])
    hear()
"""


def test_who_reads_nothing_keeps_nobody_out(sandbox: Sandbox) -> None:
    """Their commands have ended, and what they printed waits for its reader."""
    until(lambda: not units(sandbox))
    hoarding = acting(sandbox, UNREAD)
    try:
        held, said = told(hoarding)
        assert held == MAX_OWN
        assert said.startswith(f"Busy: {MAX_OWN} of your jobs")
        assert run(sandbox, "echo mine").error
        assert run(sandbox, "echo another", user="root").stdout == "another\n"
    finally:
        hoarding.kill()
        hoarding.wait()
    until(lambda: run(sandbox, "echo mine").stdout == "mine\n")
