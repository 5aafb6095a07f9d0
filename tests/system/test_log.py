"""aios log: the record verified, read, counted and exported, over a real journal."""

import json
from typing import Any

import pytest
from governed import approve, end, kill_exec, pending, reject, run, run_approved, start
from sandbox import Sandbox

STATE = "/var/lib/aios/exec/aios"
UNIT = "aios-exec@aios.service"


# Root puts itself into a cgroup with the name of an exec's unit: what it sends is to journald, and
# so to everybody, what that exec wrote. A chain of six, one left out, one changed, one added.
AS_EXEC = """
import os, pathlib
from systemd import journal
from aios.record.digest import GENESIS, digest
cgroup = pathlib.Path("/sys/fs/cgroup/system.slice/aios-exec@madeup.service")
cgroup.mkdir(exist_ok=True)
(cgroup / "cgroup.procs").write_text(str(os.getpid()))

def send(number, previous, **changed):
    fields = {"MESSAGE": f"Finished: {number}", "PRIORITY": "6", "AIOS_EVENT": "finished",
              "AIOS_ID": str(number), "AIOS_COMMAND": "true", "AIOS_MACHINE": "madeup",
              "AIOS_SEQUENCE": str(number), "AIOS_PREVIOUS": previous}
    fields["AIOS_HASH"] = digest(fields)
    if number != 2:
        journal.sendv(*(f"{name}={value}" for name, value in (fields | changed).items()))
    return fields["AIOS_HASH"]

previous, hashes = GENESIS, [GENESIS]
for number in range(1, 7):
    previous = send(number, previous, **({"AIOS_COMMAND": "false"} if number == 4 else {}))
    hashes.append(previous)
send(5, "7" * 64)
"""


# 1,100 commands of one exec, which ends each after the next was asked for. One in ten is denied;
# the last record stands twice, as after a kill.
MANY = """
import os, pathlib
from systemd import journal
cgroup = pathlib.Path("/sys/fs/cgroup/system.slice/aios-exec@many.service")
cgroup.mkdir(exist_ok=True)
(cgroup / "cgroup.procs").write_text(str(os.getpid()))
sequence = 0

def send(number, event, **more):
    global sequence
    sequence += 1
    fields = {"MESSAGE": event, "AIOS_EVENT": event, "AIOS_ID": f"MANY{number:022}",
              "AIOS_MACHINE": "many", "AIOS_COMMAND": f"echo {number}", "AIOS_USER": "me",
              "AIOS_SEQUENCE": str(sequence), "AIOS_HASH": f"{event} {number}", **more}
    journal.sendv(*(f"{name}={value}" for name, value in fields.items()))

def end(number):
    send(number, "decided", AIOS_DECISION="auto_allow" if number % 10 else "deny")
    if number % 10:
        send(number, "finished", AIOS_EXIT_STATUS="0", AIOS_DURATION_USEC=str(number))

for number in range(1100):
    send(number, "requested")
    if number:
        end(number - 1)
end(1099)
send(1099, "finished", AIOS_EXIT_STATUS="0", AIOS_DURATION_USEC="1099")
"""


KILLED = """
import os, subprocess
from aios.errors import Unavailable
from aios.record import journal
records = journal.records([], options=["--follow"])
next(records)
subprocess.run(["pkill", "-KILL", "-P", str(os.getpid()), "journalctl"], check=True)
try:
    print(len(list(records)))
except Unavailable as error:
    print(error.message)
"""


def verify(
    sandbox: Sandbox, *arguments: str, user: str = "root", input: str = "", machine: str = "aios"
) -> Any:
    """(exit status, the machine's report)"""
    done = sandbox.run(
        ["aios", "log", "verify", "--json", "-m", machine, *arguments],
        user=user, input=input, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    reports = {report["machine"]: report for report in json.loads(done.stdout)}
    return done.returncode, reports[machine]


def log(sandbox: Sandbox, *arguments: str) -> list[dict[str, Any]]:
    sandbox.run(["journalctl", "--sync"])
    said = sandbox.run(["aios", "log", "--json", *arguments]).stdout
    return [json.loads(line) for line in said.splitlines()]


def kinds(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(finding["kind"], finding["sequence"]) for finding in report["findings"]]


def forge(sandbox: Sandbox, record: dict[str, str], user: str) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in record.items())
    sandbox.run(["logger", "--journald"], user=user, input=lines)


def test_only_real_records_count(sandbox: Sandbox) -> None:
    job = run(sandbox, "echo real").details["id"]
    before, report = verify(sandbox)
    assert (before, report["findings"]) == (0, [])
    # What exec wrote, word for word, and something that it did not write, by others.
    real = sandbox.journal(f"AIOS_ID={job}", "AIOS_EVENT=finished")[0]
    copy = {k: v for k, v in real.items() if k[0] != "_" and isinstance(v, str)}
    for user in ("outsider", "root"):
        forge(sandbox, copy, user)
        forge(sandbox, {**copy, "AIOS_EVENT": "requested", "AIOS_COMMAND": "forged"}, user)
    sandbox.run(
        ["systemd-run", "--quiet", "--wait", "--unit=not-aios-exec@aios.service", "--pipe",
         "logger", "--journald"],
        input="".join(f"{name}={value}\n" for name, value in copy.items()),
    )  # fmt: skip
    status, after = verify(sandbox)
    assert (status, after["findings"]) == (0, [])
    assert (after["count"], after["repeated"]) == (report["count"], report["repeated"])
    notes = " ".join(after["notes"])
    assert f"uid {sandbox.sh('id -u outsider')} in" in notes and "uid 0 in" in notes
    assert all(command["command"] != "forged" for command in log(sandbox, "-n", "0"))
    shown = json.loads(sandbox.run(["aios", "log", "show", job, "--json"]).stdout)
    assert [record["AIOS_EVENT"] for record in shown["records"]] == [
        "requested", "decided", "started", "finished",
    ]  # fmt: skip


@pytest.mark.parametrize("kill", [False, True])
def test_a_killed_exec_leaves_no_alarm(sandbox: Sandbox, kill: bool) -> None:
    run(sandbox, "true")
    if kill:
        kill_exec(sandbox)
    else:
        sandbox.run(["systemctl", "stop", UNIT])
    run(sandbox, "true")
    status, report = verify(sandbox)
    assert (status, report["findings"]) == (0, [])


def test_an_export_is_checked_elsewhere(sandbox: Sandbox) -> None:
    run_approved(sandbox, "echo 'é\u202e exported'")
    lines = sandbox.run(["aios", "log", "export", "-m", "aios"]).stdout.splitlines()
    status, report = verify(sandbox, "-", user="outsider", input="\n".join(lines))
    assert (status, report["findings"]) == (0, [])
    assert report["last"] == max(int(json.loads(line).get("AIOS_SEQUENCE", 0)) for line in lines)
    middle = len(lines) // 2
    number = int(json.loads(lines[middle])["AIOS_SEQUENCE"])
    changed = lines[middle].replace('"AIOS_USER": "', '"AIOS_USER": "not-')
    for kind, tampered in (
        ("removed", [*lines[:middle], *lines[middle + 1 :]]),
        ("changed", [*lines[:middle], changed, *lines[middle + 1 :]]),
        ("reordered", [*lines[: middle - 3], lines[middle], *lines[middle - 3 : middle],
                       *lines[middle + 1 :]]),
    ):  # fmt: skip
        status, report = verify(sandbox, "-", input="\n".join(tampered))
        assert (status, kinds(report)) == (1, [(kind, number)])
    status, report = verify(sandbox, "-", input="\n".join([*lines[:-3], lines[-1]]))
    assert (status, [kind for kind, _ in kinds(report)]) == (1, ["lost"])
    nothing = sandbox.run(["aios", "log", "verify", "-"], input="", check=False)
    assert nothing.returncode == 125


def test_what_the_journal_no_longer_keeps_is_anchored(sandbox: Sandbox) -> None:
    """The journal is rotated and all of it vacuumed: no alarm. The same with the journal's earlier
    part still there is one; so is an end that is not there."""
    run(sandbox, "echo before the vacuum")
    sandbox.run(["systemctl", "stop", UNIT])
    last = json.loads(sandbox.sh(f"cat {STATE}/audit-head.json"))
    sandbox.run(["journalctl", "--sync", "--rotate"])
    sandbox.run(["journalctl", "--vacuum-files=1"])
    status, report = verify(sandbox)
    assert (status, report["findings"], report["count"]) == (0, [], 0)
    assert "older than the journal keeps" in report["notes"][0]
    run(sandbox, "echo after the vacuum")
    status, report = verify(sandbox)
    assert (status, report["findings"]) == (0, [])
    assert report["first"] == last["sequence"] + 1
    assert any("anchored at" in note for note in report["notes"])
    # An anchor of later than the journal's beginning: somebody took out what was before.
    oldest = int(sandbox.journal("--lines=1")[0]["__REALTIME_TIMESTAMP"])
    sandbox.run(["systemctl", "stop", UNIT])
    anchors = sandbox.sh(f"cat {STATE}/anchors.jsonl")
    anchor = {"sequence": last["sequence"], "hash": last["hash"], "usec": oldest + 10**9}
    sandbox.run(["tee", "-a", f"{STATE}/anchors.jsonl"], input=json.dumps(anchor) + "\n")
    status, report = verify(sandbox)
    assert status == 1 and [kind for kind, _ in kinds(report)] == ["removed"]
    # Another chain than the one that was anchored, and an end that is not there.
    head = json.loads(sandbox.sh(f"cat {STATE}/audit-head.json"))
    for kind, anchor in (
        ("changed", {**head, "hash": "7" * 64}), ("lost", {**head, "sequence": 10**6}),
    ):  # fmt: skip
        line = json.dumps({name: anchor[name] for name in ("sequence", "hash", "usec")})
        sandbox.run(["tee", f"{STATE}/anchors.jsonl"], input=f"{line}\n")
        if kind == "changed":
            sandbox.run(["rm", f"{STATE}/audit-head.json"])
        status, report = verify(sandbox)
        assert status == 1 and [found for found, _ in kinds(report)] == [kind]
    sandbox.run(["tee", f"{STATE}/anchors.jsonl"], input=f"{anchors}\n")
    sandbox.run(["tee", f"{STATE}/audit-head.json"], input=json.dumps(head))
    assert verify(sandbox)[0] == 0
    # Not root's: the chain alone, and it says so.
    status, report = verify(sandbox, user="me")
    assert status == 0 and any("root" in note for note in report["notes"])


def test_a_journal_file_that_somebody_took_away(sandbox: Sandbox) -> None:
    run(sandbox, "true")
    sandbox.run(["journalctl", "--sync", "--rotate"])
    first = verify(sandbox)[1]["last"] + 1
    run(sandbox, "echo hidden")
    sandbox.run(["journalctl", "--sync", "--rotate"])
    last = verify(sandbox)[1]["last"]
    run(sandbox, "true")
    directory = f"/var/log/journal/{sandbox.sh('cat /etc/machine-id')}"
    taken = sandbox.sh(f"ls -t {directory}/system@*.journal").splitlines()[0]
    sandbox.run(["mv", taken, "/var/tmp/taken.journal"])
    status, report = verify(sandbox)
    sandbox.run(["mv", "/var/tmp/taken.journal", taken])
    (finding,) = report["findings"]
    assert (status, finding["kind"]) == (1, "removed")
    assert (finding["sequence"], finding["count"]) == (first, last - first + 1)
    assert verify(sandbox)[0] == 0


def test_what_was_done_to_a_chain_is_named(sandbox: Sandbox) -> None:
    sandbox.python(AS_EXEC)
    status, report = verify(sandbox, machine="madeup")
    assert status == 1
    assert kinds(report) == [("removed", 2), ("changed", 4), ("forged", 5)]
    told = sandbox.run(["aios", "log", "verify", "-m", "madeup"], check=False).stdout
    assert "✗ madeup: 5 records, 1 to 6; 3 findings" in told
    assert "removed: 2 not there, between 1 (finished of 1) and 3 (finished of 3)" in told


def test_commands_are_found_by_what_is_known_of_them(sandbox: Sandbox) -> None:
    run(sandbox, "echo Findable", session="S-find")
    run(sandbox, "rm -rf /")
    waiting = start(sandbox, "rm -f /var/tmp/unfindable")
    reject(sandbox, pending(sandbox, "rm -f /var/tmp/unfindable"), "no")
    end(waiting)
    found = log(sandbox, "--grep", "findable", "-n", "0")
    assert {"echo Findable", "rm -f /var/tmp/unfindable"} <= {c["command"] for c in found}
    assert [c["command"] for c in log(sandbox, "--session", "S-find")] == ["echo Findable"]
    assert {c["decision"] for c in log(sandbox, "--decision", "deny")} == {"deny"}
    assert log(sandbox, "--decision", "rejected")[-1]["command"] == "rm -f /var/tmp/unfindable"
    assert log(sandbox, "--user", "nobody") == log(sandbox, "--machine", "elsewhere") == []
    assert len(log(sandbox, "--user", "me", "--since", "-1h", "-n", "2")) == 2
    assert log(sandbox, "--until", "yesterday") == []
    wrong = sandbox.run(["aios", "log", "--since", "whenever"], check=False)
    assert wrong.returncode == 2 and "whenever" in wrong.stderr
    stats = json.loads(sandbox.run(["aios", "log", "stats", "--json"]).stdout)
    assert stats["refused"]["rm -rf /"] >= 1 and stats["machines"]["aios"] >= 3
    assert stats["commands"] == len(log(sandbox, "-n", "0"))


def test_a_journalctl_that_is_killed_is_no_end(sandbox: Sandbox) -> None:
    """What it had not said yet does not pass for what is not there."""
    assert sandbox.python(KILLED) == "journalctl: signal 9\n"


def test_many(sandbox: Sandbox) -> None:
    """However they are looked for: each is whole and there once, the newest last."""
    sandbox.python(MANY)

    def found(*arguments: str) -> list[int]:
        commands = log(sandbox, "-m", "many", *arguments)
        for command in commands:
            denied = int(command["id"][4:]) % 10 == 0
            events = ["requested", "decided"] if denied else ["requested", "decided", "finished"]
            assert [event["event"] for event in command["events"]] == events
            assert command["decision"] == ("deny" if denied else "auto_allow")
        return [int(command["id"][4:]) for command in commands]

    every = list(range(1100))
    assert found("-n", "0") == found("--since", "-1h", "-n", "0") == every
    assert found("--grep", "echo", "-n", "0") == found("--until", "now", "-n", "0") == every
    assert found("-n", "3") == found("--grep", "ECHO|echo", "-n", "3") == every[-3:]
    assert found("--grep", "^echo 7$", "-n", "0") == found("--grep", "^echo 7$") == [7]
    assert found("--decision", "deny", "-n", "0") == every[::10]
    assert found("--decision", "deny", "-n", "2") == [1080, 1090]
    assert found("--decision", "auto_allow", "-n", "0") == [n for n in every if n % 10]
    assert found("--user", "you", "-n", "0") == []


def test_a_command_from_the_words_to_the_machine(sandbox: Sandbox) -> None:
    said = run(sandbox, "true; false", words="show me nothing")
    job = said.details["id"]
    sandbox.run(["journalctl", "--sync"])
    sandbox.machine(["journalctl", "--sync"])
    shown = sandbox.run(["aios", "log", "show", job[-8:].lower()]).stdout
    for part in ("said: show me nothing", "policy.toml:", "exit status: 1", "In the machine's own",
                 f"run-aios-{job}.service", said.details["invocation_id"]):  # fmt: skip
        assert part in shown
    missing = sandbox.run(["aios", "log", "show", "0" * 26], check=False)
    assert missing.returncode == 125 and "no command" in missing.stderr


def test_follow(sandbox: Sandbox) -> None:
    run(sandbox, "echo followed-first")
    with sandbox.popen(["aios", "log", "--follow", "--grep", "followed"]) as tail:
        assert tail.stdout is not None
        assert any("followed-first" in line for line in tail.stdout)
        run(sandbox, "echo followed-second")
        assert any("followed-second" in line for line in tail.stdout)
        tail.kill()


def test_secrets_are_struck_out(sandbox: Sandbox) -> None:
    command = (
        "echo --token=hunter2hunter2 https://joe:hunter3hunter3@example.org/"
        " 2>/var/tmp/password=hunter5hunter5"
    )
    said = run_approved(sandbox, command, words="use password hunter4hunter4: hunter4hunter4")
    assert "hunter2hunter2" in said.stdout  # it ran as it was
    job = said.details["id"]
    records = sandbox.journal("--unit=aios-exec@*", f"AIOS_ID={job}")
    assert all(record["AIOS_REDACTED"] == "1" for record in records)
    assert "REDACTED" in records[0]["AIOS_COMMAND"] and "REDACTED" in records[0]["MESSAGE"]
    assert verify(sandbox)[0] == 0
    everything = sandbox.sh(f"journalctl -o json -a -u 'aios-*' AIOS_ID={job}")
    sandbox.machine(["journalctl", "--sync"])
    theirs = sandbox.sh(f"journalctl -M aios -o json -a --since -5m | grep {job}")
    assert "redirection writes to" in everything
    for secret in ("hunter2", "hunter3", "hunter5"):
        assert secret not in everything + theirs
    assert "AIOS_REDACTED" not in sandbox.journal(f"AIOS_ID={run(sandbox, 'id').details['id']}")[0]


def test_every_kind_of_record_is_explained(sandbox: Sandbox) -> None:
    """With the record's own values, and without what a command could put there."""
    command = "rm -f '/var/tmp/\x1b[2K'"
    waiting = start(sandbox, command)
    approve(sandbox, pending(sandbox, command))
    job = end(waiting).details["id"]
    sandbox.run(["journalctl", "--sync"])
    said = sandbox.sh(f"journalctl -x --no-pager AIOS_ID={job}")
    for part in ("A command waits for approval on aios", f"aios approve {job}",
                 "was approved on aios by me", "finished on aios with status 0",
                 f"unit run-aios-{job}.service", f"aios log show {job}"):  # fmt: skip
        assert part in said
    assert "@" not in said.replace("aios-exec@aios", "").replace("@aios", "")
    assert "\x1b" not in said
