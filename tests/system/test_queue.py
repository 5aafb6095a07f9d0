"""More commands at once than a machine takes: all run, and nobody waits for one caller's load."""

import pytest
from governed import BEHIND_GATE, end, open_gate, run, shut_gate, start, units, until
from sandbox import PYTHON, Sandbox

from aios.exec.queue import RUNNING

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
