"""The streams of a job of Start: real descriptors, back-pressure, a terminal."""

import pytest
from governed import approve, end, kill_exec, pending, run, start, units, until
from jobs import act, acting, go_on, told
from sandbox import Sandbox


def test_streams_are_separate_and_exact(sandbox: Sandbox) -> None:
    script = """
job, stdin, stdout, stderr = start("cat; echo said >&2; exit 3")
data = bytes(range(256)) * 100
os.write(stdin, data)
os.close(stdin)
tell([read_all(stdout) == data, read_all(stderr).decode(), wait(job)])
"""
    same, said, answer = act(sandbox, script)
    assert (same, said, answer["exit_status"]) == (True, "said\n", 3)
    assert answer["details"]["stdout_bytes"] == 25600
    assert answer["details"]["ended"] == "exit"


def test_a_reader_that_stops_is_told_as_in_a_shell(sandbox: Sandbox) -> None:
    script = """
job, stdin, stdout, stderr = start("seq inf")
os.read(stdout, 100)
os.close(stdout)
tell(wait(job))
"""
    answer = act(sandbox, script)
    assert (answer["exit_status"], answer["details"]["signal"]) == (141, 13)


def test_a_slow_reader_slows_the_command(sandbox: Sandbox) -> None:
    """An endless producer, a reader at 64 KiB/s, then Cancel: memory stays flat."""
    kill_exec(sandbox)  # the figure is of its whole life
    script = """
job, stdin, stdout, stderr = start("seq inf")
for step in range(32):
    os.read(stdout, 16384)
    time.sleep(0.25)
tell("read")
hear()
cancel(job)
tell(wait(job))
"""
    client = acting(sandbox, script)
    assert told(client) == "read"
    pid = sandbox.sh("systemctl show -P MainPID aios-exec@aios.service")
    peak = int(sandbox.sh(f"sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/{pid}/status"))
    assert peak < 40 * 1024
    go_on(client)
    details = told(client)["details"]
    assert details["ended"] == "cancelled"
    # All that went anywhere: what was read, and what the pipes hold.
    assert details["stdout_bytes"] < 8 * 1024 * 1024


def test_much_comes_through_whole(sandbox: Sandbox) -> None:
    script = """
import hashlib
job, stdin, stdout, stderr = start("seq 5000000")
digest, size = hashlib.sha256(), 0
while part := os.read(stdout, 1 << 20):
    digest.update(part)
    size += len(part)
tell([digest.hexdigest(), size, wait(job)["details"]["stdout_bytes"]])
"""
    digest, size, counted = act(sandbox, script)
    assert digest == sandbox.sh("seq 5000000 | sha256sum").split()[0]
    assert size == counted == 38888896


def test_a_client_that_is_killed_takes_its_job_along(sandbox: Sandbox) -> None:
    command = "(setsid sleep 4801 &); seq inf"
    script = f"""
job, stdin, stdout, stderr = start({command!r})
os.read(stdout, 100000)
tell(job)
hear()
"""
    client = acting(sandbox, script)
    approve(sandbox, pending(sandbox, command))
    job = told(client)
    sandbox.run(["pkill", "-KILL", "-f", "Exec1.Start"])
    client.communicate(timeout=20)
    until(lambda: job not in units(sandbox))
    assert sandbox.machine(["pgrep", "-f", "sleep 4801"], check=False).returncode == 1


# Terminals


TERMINAL = """
def until(text):
    seen = b""
    while text not in seen:
        seen += os.read(stdout, 4096)
    return seen.decode()
"""


@pytest.mark.parametrize("profile", ["read-only", "full"])
def test_a_terminal(sandbox: Sandbox, profile: str) -> None:
    command = "stty size; tty; echo $TERM; cat; stty size"
    script = (
        TERMINAL
        + f"""
job, stdin, stdout, stderr = start({command!r}, pty=True, rows=33, columns=99,
                                   profile={profile!r}, env={{"TERM": "xterm"}})
first = until(b"xterm")
os.write(stdin, b"typed\\n")
until(b"typed\\r\\ntyped")
call("Exec1.Job.Resize", object=job, rows=10, columns=20)
os.write(stdin, b"\\x04")
tell([first, read_all(stdout).decode(), wait(job)])
"""
    )
    client = acting(sandbox, script)
    if profile == "full":
        approve(sandbox, pending(sandbox, command))
    first, rest, answer = told(client)
    assert first.startswith("33 99\r\n/dev/pts/")
    assert rest.strip() == "10 20"
    assert answer["exit_status"] == 0
    assert "stdout_bytes" not in answer["details"]


def test_keys_are_signals(sandbox: Sandbox) -> None:
    command = "trap 'echo stopped' TSTP; echo ready; while :; do sleep 0.1; done"
    script = (
        TERMINAL
        + f"""
job, stdin, stdout, stderr = start({command!r}, pty=True, profile="read-only")
until(b"ready")
os.write(stdin, b"\\x1a")
until(b"stopped")
os.write(stdin, b"\\x03")
tell(wait(job))
"""
    )
    client = acting(sandbox, script)
    approve(sandbox, pending(sandbox, command))
    assert told(client)["details"]["signal"] == 2


def test_a_terminal_that_hangs_up_ends_its_job(sandbox: Sandbox) -> None:
    script = (
        TERMINAL
        + """
job, stdin, stdout, stderr = start("echo ready; sleep 4802", pty=True)
until(b"ready")
tell(job)
"""
    )
    client = acting(sandbox, script)
    job = told(client)
    client.communicate(timeout=20)
    until(lambda: job not in units(sandbox))
    assert sandbox.machine(["pgrep", "-f", "sleep 4802"], check=False).returncode == 1


def test_what_a_job_may_print(sandbox: Sandbox) -> None:
    waiting = start(sandbox, "seq inf", output_max=300_000)
    said = end(waiting)
    assert (said.details["ended"], said.details["limit"]) == ("output", "output")
    assert said.details["stdout_bytes"] > 300_000
    assert said.stdout.startswith("1\n2\n")
    assert len(said.stdout) < 300_100
    assert run(sandbox, "echo little", output_max=300_000).details["ended"] == "exit"
