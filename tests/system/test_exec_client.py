"""`aios exec`, `jobs`, `attach` and `cancel` as scripts use them."""

import json
import subprocess
from collections.abc import Sequence

import pytest
from governed import kill_exec
from sandbox import Sandbox

pytestmark = pytest.mark.system


def aios(sandbox: Sandbox, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
    return sandbox.run(["aios", *arguments], user="me", input=input, check=False)


def shell(sandbox: Sandbox, script: str) -> subprocess.CompletedProcess[str]:
    return sandbox.run(["bash", "-c", script], user="me", check=False)


def jobs(sandbox: Sandbox) -> dict[str, str]:
    """Command → id of what runs, or is kept."""
    return {job["command"]: job["id"] for job in json.loads(aios(sandbox, "jobs", "--json").stdout)}


@pytest.mark.parametrize(
    ("words", "status", "stdout"),
    [
        (["echo out; exit 7"], 7, "out\n"),
        (["printf", "%s|", "two words", "$HOME", "it's"], 0, "two words|$HOME|it's|"),
        (["false"], 1, ""),
        (["ls", "/nowhere"], 2, ""),
    ],
)
def test_status(sandbox: Sandbox, words: Sequence[str], status: int, stdout: str) -> None:
    result = aios(sandbox, "exec", "--", *words)
    assert (result.returncode, result.stdout) == (status, stdout)


def test_streams_are_the_commands_own(sandbox: Sandbox) -> None:
    said = shell(sandbox, r"printf 'a\0b\xff\r\n' | aios exec -- cat | od -An -c").stdout
    assert said.split() == ["a", r"\0", "b", "377", r"\r", r"\n"]
    both = shell(sandbox, "aios exec -- 'echo out; echo err >&2' 2>&1 >/dev/null").stdout
    assert both == "err\n"
    size = shell(sandbox, "head -c 50000000 /dev/zero | aios exec -- cat | wc -c").stdout
    assert size == "50000000\n"


def test_both_streams_into_one_file(sandbox: Sandbox) -> None:
    said = shell(
        sandbox,
        "f=$(mktemp); for i in 1 2 3 4 5; do aios exec -- 'echo out; ls /nowhere' >>$f 2>&1"
        " </dev/null; aios exec -- 'echo out; ls /nowhere' >$f.2 2>&1 </dev/null; cat $f.2; done;"
        " cat $f",
    ).stdout
    assert said.count("out\n") == said.count("No such file") == 10


def test_a_reader_that_has_enough(sandbox: Sandbox) -> None:
    """As in a shell: the command is ended by SIGPIPE."""
    said = shell(
        sandbox, "aios exec -- 'cat /dev/zero' | head -c 10 | wc -c; echo ${PIPESTATUS[0]}"
    ).stdout
    assert said == "10\n141\n"
    assert "cat /dev/zero" not in jobs(sandbox)


@pytest.mark.parametrize(("signal", "status"), [("INT", 130), ("TERM", 143), ("HUP", 129)])
def test_a_signal_stops_the_command(sandbox: Sandbox, signal: str, status: int) -> None:
    command = f"echo begun; tail -f /dev/null # {signal}"
    # Where the tests run in the background, SIGINT is ignored.
    argv = ["env", "--default-signal=INT", "aios", "exec", "--", command]
    client = sandbox.popen(argv, user="me")
    # What it prints is passed on by whoever hears signals.
    assert client.stdout is not None and client.stdout.readline() == "begun\n"
    sandbox.sh(f"kill -{signal} $(pgrep -n -u me -f 'aios exec')")
    client.communicate(timeout=60)
    assert client.returncode == status
    assert command not in jobs(sandbox)


def test_a_killed_exec(sandbox: Sandbox) -> None:
    """The client waits again for the same job, and gets all that it prints."""
    command = "echo before; head -n 1; echo after; exit 3"
    client = sandbox.popen(["aios", "exec", "--", command], user="me")
    assert client.stdout is not None and client.stdin is not None
    assert client.stdout.readline() == "before\n"
    kill_exec(sandbox)
    client.stdin.write("line\n")
    client.stdin.close()
    client.stdin = None
    stdout, _stderr = client.communicate(timeout=60)
    assert (stdout, client.returncode) == ("line\nafter\n", 3)


def test_detached(sandbox: Sandbox) -> None:
    result = aios(sandbox, "exec", "--detach", "--", "echo begun; sleep 1; echo done; exit 5")
    job = result.stdout.strip()
    assert result.returncode == 0 and len(job) == 26
    assert job in aios(sandbox, "jobs").stdout
    attached = aios(sandbox, "attach", job)
    assert (attached.returncode, attached.stdout) == (5, "begun\ndone\n")
    assert aios(sandbox, "attach", "0" * 26).returncode == 125


def test_cancel(sandbox: Sandbox) -> None:
    job = aios(sandbox, "exec", "--detach", "--", "tail -f /dev/null").stdout.strip()
    assert aios(sandbox, "cancel", job[-6:]).returncode == 0
    attached = aios(sandbox, "attach", job)
    assert attached.returncode == 130
    stranger = sandbox.run(["aios", "cancel", job], user="outsider", check=False)
    assert stranger.returncode == 125


def test_many_machines(sandbox: Sandbox) -> None:
    result = aios(sandbox, "exec", "-m", "a*", "-m", "aios", "--", "echo out; ls /nowhere")
    assert result.returncode == 2
    assert result.stdout == "aios | out\n"
    assert "aios | ls: " in result.stderr and "aios | ✗ exit 2" in result.stderr
    result = aios(sandbox, "exec", "-m", "a*", "--json", "--", "uname -n")
    assert json.loads(result.stdout)["machine"] == "aios"
    result = aios(sandbox, "exec", "-m", "web*", "--", "true")
    assert result.returncode == 125 and "'web*'" in result.stderr
