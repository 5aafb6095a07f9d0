"""org.aios.Exec1: what runs, as whom, how it ends; and what becomes of it when something dies."""

from typing import Any

import pytest
from governed import (
    BEHIND_GATE,
    approve,
    chain,
    end,
    events,
    kill_exec,
    open_gate,
    pending,
    reject,
    run,
    run_approved,
    shut_gate,
    start,
    started,
    units,
    until,
)
from sandbox import Sandbox

BUSCTL = ["busctl", "call", "org.aios.Exec1.aios", "/org/aios/Exec1", "org.aios.Exec1", "Run",
          "sa{sv}"]  # fmt: skip


def test_from_a_script(sandbox: Sandbox) -> None:
    said = sandbox.run([*BUSCTL, "uname -a; echo $HOME", "0"], user="me").stdout
    assert said.startswith('issa{sv} 0 "Linux aios ')
    assert '\\n/home/ai\\n" ""' in said


def test_a_command_that_fails_is_a_reply(sandbox: Sandbox) -> None:
    said = run(sandbox, "false")
    assert (said.status, said.stdout, said.stderr, said.error) == (1, "", "", "")
    assert said.details["ended"] == "exit"
    assert said.details["decision"] == "auto_allow"
    assert said.details["profile"] == "read-only"


@pytest.mark.parametrize(
    "text",
    ["$HOME ${X} $$", "%n %% %i", '"q" `b` \\ \\n', "é 日本 \u202e", "  two  blanks ", "a\nb\n\nc",
     "-n", "!x #y ~ * ? [a]"],
)  # fmt: skip
def test_words_arrive_untouched(sandbox: Sandbox, text: str) -> None:
    quoted = text.replace("'", "'\\''")
    said = run_approved(sandbox, f"true 1>&1 | cat > /dev/null; printf %s '{quoted}'",
                        profile="full")  # fmt: skip
    assert (said.stdout, said.error) == (text, "")


@pytest.mark.parametrize(
    ("command", "status", "ended"),
    [
        ("exit 7", 7, "exit"),
        ("exit 203", 203, "exit"),
        ("exit 255", 255, "exit"),
        ("no-such-command", 127, "exit"),
        ("/etc/passwd", 126, "exit"),
        ("kill -9 $$", 137, "signal"),
        ("kill -TERM $$", 143, "signal"),
    ],
)
def test_statuses_are_those_of_a_shell(
    sandbox: Sandbox, command: str, status: int, ended: str
) -> None:
    said = run_approved(sandbox, command)
    assert (said.status, said.details["ended"]) == (status, ended), said
    assert said.details.get("signal") == (status - 128 if ended == "signal" else None)


def test_both_streams_and_bytes(sandbox: Sandbox) -> None:
    said = run(sandbox, "printf 'a\\0b\\377'; ls /nowhere")
    assert said.stdout == "a\ufffdb\ufffd"
    assert "/nowhere" in said.stderr
    assert said.details["stdout_raw"] == [97, 0, 98, 255]
    assert said.details["stdout_bytes"] == 4
    assert "stderr_raw" not in said.details


def test_a_long_output_keeps_head_and_tail(sandbox: Sandbox) -> None:
    said = run(sandbox, "seq 1000000")
    head, left_out, tail = said.stdout.partition("\n[aios: ")
    assert head.startswith("1\n2\n3\n")
    assert tail.endswith("\n999999\n1000000\n")
    assert len(said.stdout) < 1024 * 1024 + 100
    assert said.details["truncated"] == 6888896 - len(head) - len(tail.split("out]\n", 1)[1])
    assert left_out


def test_figures(sandbox: Sandbox) -> None:
    details = run(sandbox, "sleep 0.2").details
    assert 200_000 <= details["duration_usec"] < 60_000_000
    assert details["cpu_usec"] > 0
    assert len(details["invocation_id"]) == 32
    # No such controllers in the sandbox, and so no made-up figure.
    assert {"MemoryMax", "TasksMax"} == set(details["unenforced"])
    assert "memory_peak" not in details


def test_a_time_out(sandbox: Sandbox) -> None:
    said = run(sandbox, "echo before; sleep 60", timeout_usec=2_000_000)
    assert (said.stdout, said.status, said.details["ended"]) == ("before\n", 143, "timeout")


def test_what_is_left_running_ends_with_its_command(sandbox: Sandbox) -> None:
    said = run_approved(sandbox, "(setsid sleep 4711 & ) ; sleep 4712 & echo started")
    assert said.stdout == "started\n"
    assert sandbox.machine(["pgrep", "-f", "^sleep 471"], check=False).returncode == 1


def test_directory_and_environment(sandbox: Sandbox) -> None:
    assert run(sandbox, "pwd", cwd="/usr/share").stdout == "/usr/share\n"
    assert "no directory" in run(sandbox, "pwd", cwd="/nowhere").error
    shown = run(sandbox, "env", env={"LANG": "C", "TZ": "Asia/Tokyo"}).stdout.splitlines()
    for line in ("LANG=C", "TZ=Asia/Tokyo", "PAGER=cat", "SYSTEMD_PAGER=", "USER=ai", "TERM=dumb",
                 "HOME=/home/ai", "GIT_TERMINAL_PROMPT=0"):  # fmt: skip
        assert line in shown
    assert run_approved(sandbox, "env | grep -E '^(HOME|USER)='", profile="full").stdout == (
        "HOME=/root\nUSER=root\n"
    )


@pytest.mark.parametrize(
    ("command", "options", "error"),
    [
        ("", {}, "empty"),
        ("x" * 66000, {}, "at most 65536"),
        ("id", {"pty": "x"}, "option 'pty' is for Start"),
        ("id", {"cwd": "../x"}, "absolute path"),
        ("id", {"profile": "wide"}, "no profile 'wide'"),
        ("id", {"timeout_usec": 0}, "timeout_usec"),
        ("id", {"env": {"A B": "c"}}, "variable"),
        ("touch /x", {"purpose": "probe"}, "may only read"),
    ],
)
def test_what_cannot_be_asked(
    sandbox: Sandbox, command: str, options: dict[str, Any], error: str
) -> None:
    assert error in run(sandbox, command, **options).error


def test_a_refusal_names_the_rule(sandbox: Sandbox) -> None:
    for command in ("ls; rm -rf /", "ls $(mkfs /dev/sda)", "sudo env sh -c 'rm -rf /'"):
        error = run(sandbox, command).error
        assert "policy denies" in error
        assert "policy.toml:" in error
    assert sandbox.machine(["test", "-e", "/usr/bin/env"]).returncode == 0


def test_a_rejection_reaches_the_caller(sandbox: Sandbox) -> None:
    command = "rm -f /var/tmp/rejected"
    waiting = start(sandbox, command)
    reject(sandbox, pending(sandbox, command), "not today")
    assert end(waiting).error == "Call failed: rejected by me: not today"


# The read-only profile holds whatever the reader of commands thought.


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("touch /var/tmp/x", "Read-only file system"),
        ("touch /home/ai/x", "Read-only file system"),
        ("touch /dev/shm/x", "Read-only file system"),
        ("kill 1", "Operation not permitted"),
        ("date -s 12:00", "Operation not permitted"),
        ("hostname other", "must be root"),
        ("mount -t tmpfs none /mnt", "must be superuser"),
        ("exec 3<>/dev/tcp/127.0.0.1/9", "Address family not supported"),
        ("su -c id", "Authentication failure"),
        ("systemctl stop dbus", "Access denied"),
        ("ls /run/aios/policy.sock", "No such file"),
    ],
)
def test_read_only_is_in_force(sandbox: Sandbox, command: str, said: str) -> None:
    done = run_approved(sandbox, command, profile="read-only")
    assert done.status != 0, done
    assert said.lower() in done.stderr.lower(), done
    assert done.details["profile"] == "read-only"


def test_read_only_tells_the_truth(sandbox: Sandbox) -> None:
    shown = run(sandbox, "cat /proc/self/status").stdout
    assert "CapEff:\t0000000000000004" in shown
    assert "CapBnd:\t0000000000000004" in shown
    assert "NoNewPrivs:\t1" in shown
    assert "Seccomp:\t2" in shown
    # It reads what root alone may read, sees every process and every socket.
    assert ".bashrc" in run(sandbox, "ls -a /root").stdout
    assert "systemd" in run(sandbox, "ps -p 1 -o comm=").stdout
    assert run(sandbox, "ss -tln").stdout.startswith("State")
    assert run(sandbox, "systemctl is-active dbus").stdout == "active\n"


def test_what_failed_by_its_profile_says_so(sandbox: Sandbox) -> None:
    assert run(sandbox, "touch /var/tmp/x", profile="read-only").details["profile_blocked"] is True
    assert "profile_blocked" not in run(sandbox, "ls /nowhere").details


def test_without_its_user_a_machine_reads_nothing(sandbox: Sandbox) -> None:
    sandbox.machine(["sed", "-i", "s/^ai:/was-ai:/", "/etc/passwd"])
    try:
        kill_exec(sandbox)
        assert "has no user ai" in run(sandbox, "id").error
    finally:
        sandbox.machine(["sed", "-i", "s/^was-ai:/ai:/", "/etc/passwd"])
    assert run(sandbox, "id -un").stdout == "ai\n"


# The host is a machine like any other.


def test_on_the_host(sandbox: Sandbox) -> None:
    said = run_approved(sandbox, "id -un; cat /etc/hostname; echo $HOME", machine=".host")
    assert said.stdout == f"root\n{sandbox.name}\n/root\n"
    rule = '[[permissions.rule]]\npattern = "cat"\ndecision = "auto_allow"\nmachines = [".host"]\n'
    path = "/etc/aios/config.d/90-test-exec.toml"
    sandbox.run(["mkdir", "-p", "/etc/aios/config.d"])
    sandbox.run(["tee", path], input=rule)
    try:
        shown = run(sandbox, "cat /proc/self/status", machine=".host")
        assert "Uid:\t" + sandbox.sh("id -u me") in shown.stdout
        # The person may not read more there than they may.
        assert "CapEff:\t0000000000000000" in shown.stdout
        assert "Permission denied" in run(sandbox, "cat /root/.bashrc", machine=".host").stderr
    finally:
        sandbox.run(["rm", path])


# Who may call


def test_chat_acts_for_a_person_while_they_lend_it(sandbox: Sandbox) -> None:
    assert "live delegation" in run(sandbox, "id", user="aios-chat").error
    assert "not live" in run(sandbox, "id", user="aios-chat", delegation="x").error
    script = (
        "import sys; from aios.varlink import encode; import socket, json\n"
        "s = socket.socket(socket.AF_UNIX); s.connect('/run/aios/policy.sock')\n"
        "s.sendall(encode({'method': 'org.aios.Policy1.Delegate', 'more': True,\n"
        "  'parameters': {'session': 'S', 'machine': 'aios'}}))\n"
        "print(json.loads(s.recv(65536).rstrip(b'\\0'))['parameters']['delegation'], flush=True)\n"
        "sys.stdin.read()\n"
    )
    person = sandbox.popen(["/usr/lib/aios/venv/bin/python3", "-I", "-c", script], user="me")
    assert person.stdout is not None
    lent = person.stdout.readline().strip()
    said = run(sandbox, "id -un", user="aios-chat", delegation=lent)
    assert said.stdout == "ai\n"
    records = chain(sandbox, said.details["id"])
    assert {(record["AIOS_USER"], record["AIOS_SESSION"]) for record in records} == {("me", "S")}
    assert "not for root" in run(sandbox, "id", user="root", delegation=lent).error
    person.communicate("", timeout=60)
    assert "not live" in run(sandbox, "id", user="aios-chat", delegation=lent).error


@pytest.mark.parametrize("user", ["outsider", "aios-memory", "aios-policy"])
def test_others_are_refused(sandbox: Sandbox, user: str) -> None:
    assert run(sandbox, "id", user=user).error


# Whatever dies


def test_a_caller_that_goes_away_takes_its_command_along(sandbox: Sandbox) -> None:
    command = "echo here; sleep 3600"
    waiting, job = started(sandbox, command)
    sandbox.run(["pkill", "-KILL", "-x", "busctl"])
    waiting.wait(60)
    until(lambda: "finished" in events(sandbox, job))
    assert chain(sandbox, job)[-1]["AIOS_ENDED"] == "cancelled"
    assert until(lambda: job not in units(sandbox))
    assert sandbox.machine(["pgrep", "-f", "sleep 3600"], check=False).returncode == 1


def test_a_caller_that_goes_away_withdraws_its_request(sandbox: Sandbox) -> None:
    command = "rm -f /var/tmp/withdrawn"
    waiting = start(sandbox, command)
    job = pending(sandbox, command)
    sandbox.run(["pkill", "-KILL", "-x", "busctl"])
    waiting.wait(60)
    until(lambda: "finished" in events(sandbox, job))
    assert events(sandbox, job) == ["requested", "pending", "finished"]


def test_a_caller_that_goes_when_it_has_ended_takes_no_record_along(sandbox: Sandbox) -> None:
    """Somebody else has its pipe, and exec waits for them a while."""
    command = "systemd-run --quiet --pipe --unit=longer sleep 30 & sleep 4904"
    waiting = start(sandbox, command, timeout_usec=1_000_000)
    job = pending(sandbox, command)
    approve(sandbox, job)
    until(lambda: job in units(sandbox))
    until(lambda: job not in units(sandbox))
    sandbox.run(["pkill", "-KILL", "-x", "busctl"])
    waiting.wait(60)
    until(lambda: "finished" in events(sandbox, job))
    assert chain(sandbox, job)[-1]["AIOS_ENDED"] == "timeout"
    sandbox.machine(["systemctl", "stop", "longer.service"])


def test_a_killed_exec_finds_its_command_again(sandbox: Sandbox) -> None:
    shut_gate(sandbox)
    waiting, job = started(sandbox, f"{BEHIND_GATE}; false")
    kill_exec(sandbox)
    assert end(waiting).error
    assert run(sandbox, "echo next").stdout == "next\n"
    open_gate(sandbox)
    until(lambda: "finished" in events(sandbox, job))
    finished = chain(sandbox, job)[-1]
    assert (finished["AIOS_ENDED"], finished["AIOS_EXIT_STATUS"]) == ("exit", "1")
    until(lambda: job not in units(sandbox))


def test_a_command_that_ended_while_exec_was_dead_keeps_its_result(sandbox: Sandbox) -> None:
    drop_in = "/run/systemd/system/aios-exec@.service.d/dead.conf"
    sandbox.run(["mkdir", "-p", drop_in.rpartition("/")[0]])
    sandbox.run(["tee", drop_in], input="[Service]\nRestart=no\n")
    sandbox.run(["systemctl", "daemon-reload"])
    try:
        shut_gate(sandbox)
        waiting, job = started(sandbox, f"{BEHIND_GATE}; false")
        kill_exec(sandbox)
        assert end(waiting).error
        open_gate(sandbox)
        until(lambda: "exited" in units(sandbox))
    finally:
        sandbox.run(["rm", drop_in])
        sandbox.run(["systemctl", "daemon-reload"])
    run(sandbox, "true")
    until(lambda: "finished" in events(sandbox, job))
    assert chain(sandbox, job)[-1]["AIOS_EXIT_STATUS"] == "1"


@pytest.mark.parametrize("what", ["daemon-reload", "restart dbus"])
def test_a_machine_that_is_administered_meanwhile(sandbox: Sandbox, what: str) -> None:
    shut_gate(sandbox)
    waiting, _job = started(sandbox, BEHIND_GATE)
    # Restarting the bus ends the connection that this is asked over.
    sandbox.run(["systemctl", "-M", "aios", *what.split()], check=False)
    open_gate(sandbox)
    said = end(waiting)
    assert (said.status, said.stdout) == (0, "open\n"), said
    assert run(sandbox, "echo after").stdout == "after\n"
    until(lambda: units(sandbox) == "")


def test_a_machine_that_stops(sandbox: Sandbox) -> None:
    command = "sleep 600"
    waiting, job = started(sandbox, command)
    sandbox.run(["machinectl", "terminate", "aios"])
    said = end(waiting)
    assert said.error or said.details["ended"] == "signal", said
    assert "finished" in events(sandbox, job)
    sandbox.wait_machine_gone("aios")
    error = run(sandbox, "true").error
    assert "not running" in error or "not answer" in error
    sandbox.run(["systemctl", "start", "systemd-nspawn@aios.service"])
    sandbox.wait_machine("aios")
    assert run(sandbox, "echo again").stdout == "again\n"


def test_many_at_once_leave_nothing(sandbox: Sandbox) -> None:
    run(sandbox, "true")
    pid = sandbox.sh("systemctl show -P MainPID aios-exec@aios.service")
    before = len(sandbox.sh(f"ls /proc/{pid}/fd").split())
    waiting = [start(sandbox, f"sleep 0.5; echo {number}") for number in range(60)]
    for number, process in enumerate(waiting):
        assert end(process).stdout == f"{number}\n"
    assert until(lambda: units(sandbox) == "")
    assert sandbox.sh("systemctl show -P MainPID aios-exec@aios.service") == pid
    assert until(lambda: len(sandbox.sh(f"ls /proc/{pid}/fd").split()) <= before)
