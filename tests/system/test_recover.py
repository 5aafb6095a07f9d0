"""exec killed while it has jobs in hand: they go on with their streams, and have their records."""

import hashlib
import random
import threading

import pytest
from governed import (
    approve,
    chain,
    end,
    events,
    kill_exec,
    owed,
    pending,
    run,
    started,
    units,
    until,
)
from jobs import act, acting, go_on, told
from load import appending, made, recorded
from sandbox import Sandbox

from aios.ids import new_id

CHAINS = [
    sorted(["requested", "decided", "started", "finished"]),
    sorted(["requested", "decided", "finished"]),
    sorted(["requested", "finished"]),
]
"""Of a command that ran; of one that came no further than that, when exec was killed."""


def stored(sandbox: Sandbox) -> str:
    return sandbox.sh("systemctl show -P NFileDescriptorStore aios-exec@aios.service")


def test_what_is_collected_is_all_there(sandbox: Sandbox) -> None:
    command = "for n in $(seq 30); do echo line $n; sleep 0.1; done; seq 300000"
    waiting, job = started(sandbox, command)
    for _ in range(3):
        kill_exec(sandbox)
        sandbox.wait_unit("aios-exec@aios.service", "active")
    assert end(waiting).error
    until(lambda: "finished" in events(sandbox, job))
    finished = chain(sandbox, job)[-1]
    lines = [*(f"line {n}" for n in range(1, 31)), *map(str, range(1, 300001))]
    assert finished["AIOS_BYTES_OUT"] == str(len("\n".join(lines)) + 1)
    assert (finished["AIOS_ENDED"], finished["AIOS_EXIT_STATUS"]) == ("exit", "0")
    assert job not in sandbox.sh("ls /var/lib/aios/exec/aios/spool")


def test_a_stream_goes_on_where_it_was(sandbox: Sandbox) -> None:
    """Nothing is lost and nothing comes twice, whatever had been moved."""
    script = """
import hashlib
job, stdin, stdout, stderr = start("seq 3000000; cat")
digest = hashlib.sha256(os.read(stdout, 1 << 16))
tell("begun")
for _ in range(3):
    hear()
    digest.update(os.read(stdout, 1 << 18))
    peer = Peer()
    peer.socket.sendall(json.dumps({"method": "org.aios.Exec1.Job.Wait",
                                    "parameters": {"object": job}}).encode() + b"\\0")
    tell("again")
os.write(stdin, b"typed\\n")
os.close(stdin)
while part := os.read(stdout, 1 << 20):
    digest.update(part)
tell([digest.hexdigest(), Peer().wait(job)])
"""
    client = acting(sandbox, script)
    assert told(client) == "begun"
    for _ in range(3):
        kill_exec(sandbox)
        sandbox.wait_unit("aios-exec@aios.service", "active")
        go_on(client)
        assert told(client) == "again"
    digest, answer = told(client)
    lines = "".join(f"{n}\n" for n in range(1, 3000001)) + "typed\n"
    assert digest == hashlib.sha256(lines.encode()).hexdigest()
    assert answer["exit_status"] == 0
    # How much had gone before nobody knows.
    assert "stdout_bytes" not in answer["details"]
    until(lambda: stored(sandbox) == "0")


@pytest.mark.long
def test_a_job_whose_caller_does_not_come_back_is_stopped(sandbox: Sandbox) -> None:
    client = acting(sandbox, 'tell(start("sleep 4901")[0])\nhear()\n')
    job = told(client)
    kill_exec(sandbox)
    until(lambda: "finished" in events(sandbox, job), 30)
    assert chain(sandbox, job)[-1]["AIOS_ENDED"] == "cancelled"
    go_on(client)
    client.communicate(timeout=20)


def test_a_kill_saves_no_job_that_is_being_stopped(sandbox: Sandbox) -> None:
    command = "trap '' INT TERM; echo ready; while :; do sleep 4902; done"
    script = f"""
job, stdin, stdout, stderr = start({command!r}, detach=True)
assert os.read(stdout, 100) == b"ready\\n"
cancel(job)
tell(job)
"""
    client = acting(sandbox, script)
    approve(sandbox, pending(sandbox, command))
    job = told(client)
    kill_exec(sandbox)
    until(lambda: "finished" in events(sandbox, job), 30)
    assert chain(sandbox, job)[-1]["AIOS_ENDED"] == "cancelled"
    assert sandbox.machine(["pgrep", "-f", "sleep 4902"], check=False).returncode == 1


def test_a_detached_job_survives(sandbox: Sandbox) -> None:
    command = "for n in $(seq 300); do echo line $n; sleep 0.01; done"
    job = act(sandbox, f"tell(start({command!r}, detach=True)[0])")
    for _ in range(2):
        kill_exec(sandbox)
        sandbox.wait_unit("aios-exec@aios.service", "active")
    script = f"""
answer = wait({job!r})
stdin, stdout, stderr = attach({job!r})
tell([read_all(stdout).decode(), answer])
"""
    printed, answer = act(sandbox, script)
    assert printed == "".join(f"line {n}\n" for n in range(1, 301))
    assert answer["details"]["stdout_bytes"] == len(printed)
    # It has ended, and is there for who reads it again, after another kill too.
    kill_exec(sandbox)
    assert act(sandbox, script) == [printed, answer]


def test_a_detached_terminal_survives(sandbox: Sandbox) -> None:
    command = "echo one; cat"
    script = f"""
job, stdin, stdout, stderr = start({command!r}, detach=True, pty=True)
assert os.read(stdout, 100) == b"one\\r\\n"
tell(job)
"""
    job = act(sandbox, script)
    kill_exec(sandbox)
    script = f"""
stdin, stdout, stderr = attach({job!r})
os.write(stdin, b"two\\n\\x04")
tell([read_all(stdout).decode(), wait({job!r})["exit_status"]])
"""
    assert act(sandbox, script) == ["one\r\ntwo\r\ntwo\r\n", 0]


@pytest.mark.long
def test_kills_under_load(sandbox: Sandbox) -> None:
    """16 callers and exec killed at random moments: what ran has its records, and ran once."""
    stop, mark = threading.Event(), new_id()

    def caller(name: int) -> None:
        number = 0
        while not stop.is_set():
            run(sandbox, f"append-id {mark}-{name}-{number}")
            number += 1

    callers = [threading.Thread(target=caller, args=(name,)) for name in range(16)]
    random.seed(4)
    with appending(sandbox):
        try:
            for thread in callers:
                thread.start()
            for _ in range(10):
                sandbox.wait_unit("aios-exec@aios.service", "active")
                threading.Event().wait(random.uniform(0.2, 2.5))
                kill_exec(sandbox)
        finally:
            stop.set()
            for thread in callers:
                thread.join()
    assert run(sandbox, "echo settled").stdout == "settled\n"
    until(lambda: owed(sandbox) == "", 60)

    ran = made(sandbox)
    assert len(ran) > 10
    assert len(ran) == len(set(ran)), "one ran twice"
    records = recorded(sandbox, mark)
    for name, seen in records.items():
        assert sorted(seen) in CHAINS, (name, seen)
    assert set(ran) <= {name for name, seen in records.items() if "started" in seen}
    until(lambda: units(sandbox) == "")
    until(lambda: stored(sandbox) == "0")
