"""How a command is stopped: SIGINT, SIGTERM, SIGKILL to all that it started."""

import json

import pytest
from governed import chain, events, run, units
from jobs import act
from sandbox import PYTHON, Sandbox

# As exec does it, over a link of its own: the unit, and what is left of it.
CANCEL = """
import asyncio, json, os, sys
from aios.exec.limits import Limits
from aios.exec.link import Link
from aios.exec.profile import DEFAULTS, Name, Profile
from aios.exec.spec import Spec, descriptors
from aios.exec.unit import MANAGER, Unit
from aios.ids import new_id

async def main(command):
    link = await Link.open("aios", int(sys.argv[2]))
    unit = Unit(link, new_id())
    spec = Spec(command=command, profile=Profile(Name.STANDARD, DEFAULTS[Name.STANDARD]),
                account="root", cwd="", env={}, limits=Limits())
    read_end, write_end = os.pipe()
    with open("/dev/null", "w") as null:
        await unit.start([*spec.properties(), *descriptors(None, write_end, null.fileno())])
    os.close(write_end)
    assert os.read(read_end, 100) == b"ready\\n"
    waiting = asyncio.ensure_future(unit.wait())
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    result = await unit.cancel()
    assert await waiting == result
    rest = os.read(read_end, 100)
    assert os.read(read_end, 1) == b"", "somebody has its output still"
    took = asyncio.get_running_loop().time() - began
    print(json.dumps([result.status, result.signal, rest.decode(), took]))
    await link.call(MANAGER, "GetUnitFileState", "s", "dbus.service")  # what was posted is through
    link.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("command", "signal", "said", "low"),
    [
        ("echo ready; sleep 4721", 2, "", 0),
        ("trap 'echo int; exit 5' INT; echo ready; sleep 4722 & wait", None, "int\n", 0),
        ("trap '' INT; trap 'echo term; exit 6' TERM; echo ready; while :; do sleep 0.1; done",
         None, "term\n", 2),
        ("trap '' INT TERM; echo ready; while :; do sleep 4723; done", 9, "", 4),
        ("(setsid sleep 4726 &); setsid sh -c "
         "'trap \"\" INT TERM; sleep 4724 & echo ready; sleep 4725' & sleep 4727", 2, "", 2),
    ],
)  # fmt: skip
def test_cancel(sandbox: Sandbox, command: str, signal: int | None, said: str, low: float) -> None:
    done = sandbox.run([PYTHON, "-I", "-", command, sandbox.machine_leader()], input=CANCEL)
    _status, number, rest, took = json.loads(done.stdout)
    assert (number, rest) == (signal, said)
    assert took >= low
    assert sandbox.machine(["pgrep", "-f", "^sleep 472"], check=False).returncode == 1
    assert sandbox.machine(["systemctl", "list-units", "--all", "-q", "run-aios-*"]).stdout == ""


HOLD = """
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until [ -e /run/go ]; do sleep 0.1; done'
"""
HELD = "[Unit]\nWants=hold.service\nAfter=hold.service\n"


def test_what_has_not_begun_never_does(sandbox: Sandbox) -> None:
    """A unit waits for others while its machine boots; here for what its slice waits for."""
    run(sandbox, "touch /var/tmp/before")
    units_of = f"/proc/{sandbox.machine_leader()}/root/run/systemd/system"
    sandbox.run(["mkdir", "-p", f"{units_of}/aios.slice.d"])
    sandbox.run(["tee", f"{units_of}/hold.service"], input=HOLD)
    sandbox.run(["tee", f"{units_of}/aios.slice.d/hold.conf"], input=HELD)
    try:
        sandbox.sh("systemctl -M aios daemon-reload; systemctl -M aios stop aios.slice")
        script = """
job, stdin, stdout, stderr = start("touch /var/tmp/ran")
cancel(job)
try:
    wait(job)
except Failed as error:
    tell([job, str(error)])
"""
        job, said = act(sandbox, script)
        assert said == "ApprovalWithdrawn: the command was cancelled before it ran"
    finally:
        sandbox.machine(["touch", "/run/go"])
        sandbox.run(["rm", "-r", f"{units_of}/aios.slice.d"])
        sandbox.sh("systemctl -M aios daemon-reload")
    assert run(sandbox, "touch /var/tmp/after").status == 0
    assert sandbox.machine(["ls", "/var/tmp/ran"], check=False).returncode != 0
    assert units(sandbox) == ""
    assert events(sandbox, job) == ["requested", "decided", "started", "finished"]
    assert chain(sandbox, job)[-1]["MESSAGE"].startswith("Not run (")
