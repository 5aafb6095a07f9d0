"""The record: whole, readable, chained, and nobody else's to write."""

import re
from typing import Any

import pytest
from faults import no_journal
from governed import (
    approve,
    chain,
    end,
    events,
    last_job,
    pending,
    reject,
    run,
    run_approved,
    start,
    until,
    whole_record,
)
from sandbox import Sandbox

from aios.record.digest import GENESIS, digest

COMMON = ("AIOS_ID", "AIOS_COMMAND", "AIOS_MACHINE", "AIOS_UID", "AIOS_USER", "AIOS_HASH",
          "AIOS_PREVIOUS", "MESSAGE_ID")  # fmt: skip


def test_the_chain_of_a_command(sandbox: Sandbox) -> None:
    said = run(sandbox, "sleep 0.1; false", session="S1")
    requested, decided, started, finished = chain(sandbox, said.details["id"])
    for record, event in zip(
        (requested, decided, started, finished),
        ("requested", "decided", "started", "finished"), strict=True,
    ):  # fmt: skip
        assert record["AIOS_EVENT"] == event
        assert all(record[name] for name in COMMON)
        assert record["AIOS_COMMAND"] == "sleep 0.1; false"
        assert record["AIOS_UID"] == sandbox.sh("id -u me")
        assert (record["AIOS_USER"], record["AIOS_MACHINE"]) == ("me", "aios")
        assert record["AIOS_SESSION"] == "S1"
        assert (record["_UID"], record["_SYSTEMD_UNIT"]) == ("0", "aios-exec@aios.service")
    assert (decided["AIOS_DECISION"], decided["AIOS_PROFILE"]) == ("auto_allow", "read-only")
    assert "policy.toml:" in decided["AIOS_RULE"]
    assert finished["AIOS_EXIT_STATUS"] == "1"
    assert int(finished["AIOS_DURATION_USEC"]) >= 100_000
    assert int(finished["AIOS_CPU_USEC"]) > 0
    assert finished["AIOS_INVOCATION"] == said.details["invocation_id"]
    assert "AIOS_MEMORY_PEAK" not in finished


def test_priorities_by_decision(sandbox: Sandbox) -> None:
    def decided(command: str) -> dict[str, Any]:
        job = last_job(sandbox, command)
        return next(r for r in chain(sandbox, job) if r["AIOS_EVENT"] == "decided")

    run(sandbox, "id -u")
    run(sandbox, "touch /var/tmp/notice")
    run(sandbox, "rm -rf /")
    assert decided("id -u")["PRIORITY"] == "6"
    assert (decided("touch /var/tmp/notice")["PRIORITY"], decided("touch /var/tmp/notice")[
        "AIOS_DECISION"]) == ("5", "notify")  # fmt: skip
    denied = decided("rm -rf /")
    assert (denied["PRIORITY"], denied["AIOS_DECISION"]) == ("4", "deny")
    assert events(sandbox, denied["AIOS_ID"]) == ["requested", "decided"]


def test_who_approved_and_who_rejected(sandbox: Sandbox) -> None:
    said = run_approved(sandbox, "rm -f /var/tmp/audited")
    records = chain(sandbox, said.details["id"])
    assert [record["AIOS_EVENT"] for record in records] == [
        "requested", "pending", "decided", "started", "finished",
    ]  # fmt: skip
    assert records[2]["AIOS_OUTCOME"] == "approved"
    assert records[2]["AIOS_APPROVED_BY"] == "me"
    command = "rm -f /var/tmp/rejected"
    waiting = start(sandbox, command)
    job = pending(sandbox, command)
    reject(sandbox, job, "no")
    end(waiting)
    assert events(sandbox, job) == ["requested", "pending", "decided"]
    last = chain(sandbox, job)[-1]
    assert last["AIOS_OUTCOME"] == "rejected"
    assert "by me" in last["MESSAGE"]


def test_a_line_for_people_and_the_bytes_for_machines(sandbox: Sandbox) -> None:
    command = "echo '\u202e\x1b[2K'\necho " + "é" * 400
    said = run_approved(sandbox, command)
    sandbox.run(["journalctl", "--sync"])
    lines = sandbox.sh(f"journalctl -u 'aios-*' AIOS_ID={said.details['id']} -o cat").splitlines()
    assert len(lines) == 5
    assert all("\\u202e\\x1b[2K'\\necho" in line and "\x1b" not in line for line in lines)
    assert all(len(line) < 400 for line in lines)
    assert re.match(r"Finished with status 0 in [\d.]+ s \(CPU [\d.]+ s.*\) on aios: ", lines[-1])
    explained = sandbox.sh(f"journalctl -x AIOS_ID={said.details['id']} -o short")
    assert "A command finished on aios with status 0" in explained
    for record in chain(sandbox, said.details["id"]):
        # journalctl writes as numbers what is not printable.
        raw = record["AIOS_COMMAND"]
        text = bytes(raw).decode() if isinstance(raw, list) else raw
        assert text == command


def test_what_a_command_prints_is_no_record(sandbox: Sandbox) -> None:
    job = run(sandbox, "echo real").details["id"]
    fake = f"AIOS_ID={job}\\nAIOS_EVENT=finished\\nMESSAGE=Finished\\nPRIORITY=4\\n"
    printed = f"printf '<4>aios-exec@aios: Denied\\n{fake}'; logger -t aios-exec@aios AIOS_ID={job}"
    run_approved(sandbox, printed)
    sandbox.sh(f"printf '{fake}' | logger --journald", user="me")
    records = sandbox.journal("--unit=aios-*", f"AIOS_ID={job}", "_UID=0")
    assert [record["AIOS_EVENT"] for record in records] == [
        "requested", "decided", "started", "finished",
    ]  # fmt: skip
    assert events(sandbox, job) == ["requested", "decided", "started", "finished"]


def test_the_hashes_chain(sandbox: Sandbox) -> None:
    run(sandbox, "echo one more")
    ordered = whole_record(sandbox)
    # The journal may no longer have the first.
    first, previous = int(ordered[0]["AIOS_SEQUENCE"]), str(ordered[0]["AIOS_PREVIOUS"])
    assert (first == 1) is (previous == GENESIS)
    for number, record in enumerate(ordered, first):
        fields = {
            name: bytes(value).decode() if isinstance(value, list) else value
            for name, value in record.items()
        }
        assert int(fields["AIOS_SEQUENCE"]) == number
        assert fields["AIOS_PREVIOUS"] == previous
        assert digest(fields) == fields["AIOS_HASH"]
        previous = fields["AIOS_HASH"]


def test_without_a_journal_nothing_runs(sandbox: Sandbox) -> None:
    marker = "/var/tmp/unrecorded"
    # Who is started without a journal to log to is waited for.
    run(sandbox, "true")
    with no_journal(sandbox):
        error = run(sandbox, f"touch {marker}").error
    assert "nothing runs" in error
    assert sandbox.machine(["test", "-e", marker], check=False).returncode == 1
    assert run(sandbox, "echo back").stdout == "back\n"


def test_a_journal_that_goes_while_a_human_thinks(sandbox: Sandbox) -> None:
    command = "rm -f /var/tmp/thinking; touch /var/tmp/thought"
    sandbox.machine(["rm", "-f", "/var/tmp/thought"])
    waiting = start(sandbox, command)
    job = pending(sandbox, command)
    with no_journal(sandbox):
        sandbox.run(["systemctl", "mask", "--runtime", "systemd-journald.service"])
        try:
            # Policy's own log has nowhere to go either; what counts is what exec does.
            approve(sandbox, job, check=False)
            said = end(waiting)
        finally:
            sandbox.run(["systemctl", "unmask", "--runtime", "systemd-journald.service"])
    assert said.error
    # The bus gives a start that had no journal to log to 25 seconds.
    assert until(lambda: not run(sandbox, "true").error, 60)
    assert sandbox.machine(["test", "-e", "/var/tmp/thought"], check=False).returncode == 1


@pytest.mark.parametrize("user", ["me", "aios-chat"])
def test_the_state_is_nobodys_to_touch(sandbox: Sandbox, user: str) -> None:
    done = sandbox.run(["cat", "/var/lib/aios/exec/aios/audit-head.json"], user=user, check=False)
    assert done.returncode != 0


def test_every_command_has_its_row_in_memory(sandbox: Sandbox) -> None:
    job = run(sandbox, "echo remembered").details["id"]
    until(
        lambda: (
            sandbox.sh(
                "find /var/lib/aios/exec/aios/history /run/aios/state/aios/history -name '*.json'"
            )
            == ""
        )
    )
    rows = sandbox.sh(
        "busctl --json=short call org.aios.Memory1 /org/aios/Memory1 org.aios.Memory1 History "
        "a{sv} 1 text s 'echo remembered'",
        user="me",
    )
    assert job in rows
