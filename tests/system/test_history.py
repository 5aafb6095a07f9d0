"""What was done: asked for in sentences, on the host, in a machine, offline; one's own."""

import json
from typing import Any

import pytest
from governed import until
from sandbox import Sandbox

pytestmark = pytest.mark.system


def asked(sandbox: Sandbox, *words: str, **place: str) -> list[dict[str, Any]]:
    place = place or {"user": "me"}
    said = sandbox.run(["aios", "history", "--json", *words], **place).stdout  # type: ignore[arg-type]
    rows: list[dict[str, Any]] = json.loads(said)
    return rows


def run(sandbox: Sandbox, command: str) -> None:
    """And waits until memory knows: exec answers first and tells memory then."""
    before = len(asked(sandbox, "--limit", "1000", command))
    sandbox.run(["aios", "exec", "--", command], user="me", check=False)
    until(lambda: len(asked(sandbox, "--limit", "1000", command)) > before)


def test_sentences(sandbox: Sandbox) -> None:
    run(sandbox, "cat /etc/passwd")
    run(sandbox, "cat /etc/no-such-file")
    failed = asked(sandbox, "which commands failed today?")
    assert failed[0]["command"] == "cat /etc/no-such-file"
    # A lost one has no status; one that was cancelled may have said 0.
    assert not any(row.get("exit_status") == 0 and row.get("ended") == "exit" for row in failed)
    read = asked(sandbox, "what did I look at in aios today")
    assert {"cat /etc/passwd", "cat /etc/no-such-file"} <= {row["command"] for row in read}
    assert {row["action"] for row in read} <= {"read", "log", "service-status", "disk", "process"}
    assert asked(sandbox, "did I ever install emacs?") == []
    assert asked(sandbox, "what did I do yesterday") == []


def test_filters(sandbox: Sandbox) -> None:
    run(sandbox, "cat /etc/group")
    (row,) = asked(sandbox, "--action", "read", "--object", "/etc/group", "--limit", "1")
    assert row["objects"] == ["/etc/group"]
    assert asked(sandbox, "--outcome", "failed", "--object", "/etc/group") == []
    line = sandbox.run(["aios", "history", "/etc/group"], user="me").stdout.splitlines()[-1]
    assert "✓ cat /etc/group  (aios, me, " in line
    assert line.endswith(f"{row['id']})")


def test_a_machine_s_person_asks_for_their_own(sandbox: Sandbox) -> None:
    run(sandbox, "cat /etc/passwd")
    rows = asked(sandbox, "what did I read today", user="ai", machine="aios")
    assert all(row["user"] == "ai@aios" for row in rows)


def test_the_offline_brain_reads_as_history_does(sandbox: Sandbox) -> None:
    run(sandbox, "cat /etc/hostname-nowhere")
    said = sandbox.run(["aios", "what failed today"], user="me").stdout
    assert "cat /etc/hostname-nowhere  (aios, " in said
    assert ", exit 1)" in said
