"""The lock-out guard: what a command did to the host is undone, unless somebody confirms it."""

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from governed import BUSCTL, Reply, chain, events, kill_exec, run_approved, until
from sandbox import Sandbox

from aios.ids import new_id

pytestmark = pytest.mark.system

HOST = ".host"
DIRECTORY = PurePosixPath("/etc/guarded")
CONFIG = f"""
[exec.guard]
files = ["{DIRECTORY}"]
units = ["guarded.service"]
commands = ["guarded-*"]
"""
# Started when it has read its file.
UNIT = f"""
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/cp {DIRECTORY}/config /run/guarded
"""
STATE_OF_IT = f"cd {DIRECTORY}; ls; cat config; stat -c %a config; cat /run/guarded"
STATE = "/var/lib/aios/exec/.host/guard"
EXEC = ["org.aios.Exec1._2ehost", "/org/aios/Exec1", "org.aios.Exec1"]


@pytest.fixture
def guarded(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A service of the host's with a file that is guarded."""
    sandbox.run(["tee", "/etc/aios/config.d/50-guard.toml"], input=CONFIG)
    sandbox.run(["tee", "/run/systemd/system/guarded.service"], input=UNIT)
    sandbox.sh(f"mkdir -p {DIRECTORY}; echo good >{DIRECTORY}/config; chmod 640 {DIRECTORY}/config")
    # It reads its configuration when it starts.
    sandbox.sh("systemctl daemon-reload; systemctl stop aios-exec@.host.service")
    sandbox.sh("systemctl restart guarded.service")
    yield sandbox
    sandbox.sh(f"systemctl stop 'aios-revert@*.timer' guarded.service; rm -rf {STATE}/*")
    sandbox.sh(f"rm -r /etc/aios/config.d/50-guard.toml {DIRECTORY} /run/guarded")
    sandbox.sh("systemctl stop aios-exec@.host.service")


def change(sandbox: Sandbox, seconds: int) -> Reply:
    """Breaks the service's configuration on the host."""
    command = f"echo bad >{DIRECTORY}/config; touch {DIRECTORY}/new; systemctl restart guarded"
    # It says itself what it has done: afterwards it may have been undone already.
    done = run_approved(sandbox, f"{command}; {STATE_OF_IT}", machine=HOST,
                        confirm_within_usec=seconds * 1_000_000)  # fmt: skip
    assert (done.status, done.stdout) == (0, "config\nnew\nbad\n640\nbad\n"), done
    return done


def put_back(sandbox: Sandbox) -> bool:
    return sandbox.sh("cat /run/guarded") == "good"


def state(sandbox: Sandbox) -> str:
    return sandbox.sh(STATE_OF_IT)


def test_what_nobody_confirms_is_undone(guarded: Sandbox) -> None:
    done = change(guarded, 6)
    assert "confirm_by_usec" in done.details
    job = done.details["id"]
    until(lambda: put_back(guarded))
    assert state(guarded) == "config\ngood\n640\ngood"
    guarded.wait_unit(f"aios-revert@{job}.service", "inactive")
    assert "armed" in events(guarded, job)
    (record,) = guarded.journal(f"AIOS_ID={job}", "AIOS_EVENT=reverted")
    assert record["_SYSTEMD_UNIT"] == f"aios-revert@{job}.service"
    assert set(record["AIOS_FILES"].split("\n")) == {f"{DIRECTORY}/config", f"{DIRECTORY}/new"}
    assert guarded.sh(f"ls -A {STATE}") == ""
    late = guarded.run([*BUSCTL, *EXEC, "Confirm", "s", job], user="me", check=False)
    assert "waits to be confirmed" in late.stderr


def test_what_is_confirmed_stays(guarded: Sandbox) -> None:
    job = change(guarded, 3600).details["id"]
    timer = f"aios-revert@{job}.timer"
    assert guarded.sh(f"systemctl is-active {timer}") == "active"
    stranger = guarded.run([*BUSCTL, *EXEC, "Confirm", "s", job], user="outsider", check=False)
    assert stranger.returncode
    guarded.run([*BUSCTL, *EXEC, "Confirm", "s", job], user="me")
    guarded.wait_unit(timer, "inactive")
    # Whoever would undo it now finds nothing to do.
    guarded.sh(f"systemctl start aios-revert@{job}.service")
    assert state(guarded) == "config\nnew\nbad\n640\nbad"
    assert chain(guarded, job)[-1]["AIOS_EVENT"] == "confirmed"


def test_exec_is_killed_in_between(guarded: Sandbox) -> None:
    change(guarded, 6)
    kill_exec(guarded, HOST)
    guarded.sh("systemctl stop aios-exec@.host.socket aios-exec@.host.service")
    until(lambda: put_back(guarded))
    assert state(guarded) == "config\ngood\n640\ngood"
    guarded.sh("systemctl start aios-exec@.host.socket")


def test_a_boot_undoes_what_an_earlier_one_left(guarded: Sandbox) -> None:
    job = change(guarded, 3600).details["id"]
    about = f"{STATE}/{job}/job.json"
    guarded.sh("systemctl start aios-revert.service")
    assert "bad" in state(guarded)
    guarded.sh(rf"""sed -i 's/"boot": "[^"]*"/"boot": "another"/' {about}""")
    guarded.sh("systemctl start aios-revert.service")
    assert state(guarded) == "config\ngood\n640\nbad"
    assert guarded.sh("systemctl is-enabled aios-revert.service") == "enabled"


def test_required_for_some_commands(guarded: Sandbox) -> None:
    text = CONFIG + "require = true\nconfirm_within = 3600\n"
    guarded.run(["tee", "/etc/aios/config.d/50-guard.toml"], input=text)
    guarded.sh("systemctl stop aios-exec@.host.service")
    plain = run_approved(guarded, "true # plain", machine=HOST)
    assert "confirm_by_usec" not in plain.details
    found = run_approved(guarded, "command -v guarded-x || guarded-x; true", machine=HOST)
    assert "confirm_by_usec" in found.details


def test_only_the_host_is_guarded(sandbox: Sandbox) -> None:
    refused = run_approved(sandbox, "true", confirm_within_usec=5_000_000)
    assert "guards the host" in refused.error


def test_what_never_ran_undoes_nothing(guarded: Sandbox) -> None:
    """exec was killed when it had set the guard, and before it started the command."""
    job = new_id()
    content = {"id": job, "command": "guarded-x", "machine": HOST, "uid": 0, "user": "root",
               "requested_usec": 1, "step": "decided", "unenforced": [],
               "confirm_within_usec": 3_600_000_000}  # fmt: skip
    guarded.run(["systemctl", "stop", "aios-exec@.host.service"])
    guarded.sh(f"mkdir -p {STATE}/{job} /run/aios/state/{HOST}/jobs")
    guarded.run(["tee", f"{STATE}/{job}/job.json"], input=json.dumps(content))
    guarded.run(["tee", f"/run/aios/state/{HOST}/jobs/{job}.json"], input=json.dumps(content))
    guarded.run([*BUSCTL, *EXEC, "ListJobs"], user="me")
    until(lambda: not guarded.sh(f"ls -A {STATE}"))
