"""`aios policy hook claude-code`: whatever goes wrong blocks."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve

from aios.client.__main__ import main

EVENT = {
    "session_id": "s",
    "cwd": "/srv/it's",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "rm -rf *", "description": "d"},
}
WHY = {"command": "rm -rf *", "rule": "policy.toml:3 rm -rf /", "reason": "gone \x1b"}


def hook(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: bytes | dict[str, Any],
    *arguments: str,
) -> tuple[int, str, str]:
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    status = main(["policy", "hook", "claude-code", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize(
    ("decisions", "permission"),
    [
        (("auto_allow", "auto_allow"), "allow"),
        (("notify", "auto_allow"), "allow"),
        (("auto_allow", "require_approval"), "ask"),
        (("require_approval", "deny"), "deny"),
        (("deny", "auto_allow"), "deny"),
    ],
)
def test_the_stricter_of_the_line_and_of_it_in_its_directory(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    decisions: tuple[str, str],
    permission: str,
) -> None:
    left = list(decisions)
    service = serve("policy", lambda peer, call: peer.reply(decision=left.pop(0), why=WHY))
    status, out, err = hook(monkeypatch, capsys, EVENT)
    assert (status, err) == (0, "")
    said = json.loads(out)["hookSpecificOutput"]
    assert said["hookEventName"] == "PreToolUse"
    assert said["permissionDecision"] == permission
    assert "gone \\x1b" in said["permissionDecisionReason"]
    assert [call["parameters"] for call in service.calls] == [
        {"command": "rm -rf *", "machine": ".host"},
        {"command": "cd -- '/srv/it'\"'\"'s'\nrm -rf *", "machine": ".host"},
    ]


def test_another_machine_and_no_directory(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve("policy", lambda peer, call: peer.reply(decision="notify", why=WHY))
    event = {key: value for key, value in EVENT.items() if key != "cwd"}
    assert hook(monkeypatch, capsys, event, "-m", "dev")[0] == 0
    assert [call["parameters"]["machine"] for call in service.calls] == ["dev"]


def test_in_a_machine_that_machine(
    serve: Serve,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (runtime / "exec").rmdir()
    (runtime / "machine").rmdir()
    service = serve("policy", lambda peer, call: peer.reply(decision="notify", why=WHY))
    assert hook(monkeypatch, capsys, EVENT)[0] == 0
    assert service.calls[0]["parameters"]["machine"] == ""


@pytest.mark.parametrize("tool", ["Read", "WebFetch", "mcp__x__y"])
def test_no_opinion_about_other_tools(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    assert hook(monkeypatch, capsys, {**EVENT, "tool_name": tool}) == (0, "", "")


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        {**EVENT, "hook_event_name": "PostToolUse"},
        {**EVENT, "tool_name": 1},
        {**EVENT, "tool_input": None},
        {**EVENT, "tool_input": {}},
        {**EVENT, "tool_input": {"command": ["ls"]}},
        {**EVENT, "cwd": 1},
    ],
)
def test_what_is_malformed_blocks(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: bytes | dict[str, Any],
) -> None:
    serve("policy", lambda peer, call: peer.reply(decision="auto_allow", why=WHY))
    status, out, err = hook(monkeypatch, capsys, given)
    assert (status, out) == (2, "")
    assert err.startswith("aios: blocked: ") and err.count("\n") == 1


def refuse(peer: Peer, call: dict[str, Any]) -> None:
    peer.error("NotAuthorized", "you may not use aios")


def hang_up(peer: Peer, call: dict[str, Any]) -> None:
    peer.hang_up()


def puzzle(peer: Peer, call: dict[str, Any]) -> None:
    peer.reply(decision="perhaps", why=WHY)


def shrug(peer: Peer, call: dict[str, Any]) -> None:
    peer.reply()


@pytest.mark.parametrize("answer", [refuse, hang_up, puzzle, shrug])
def test_a_service_that_fails_blocks(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: Any,
) -> None:
    serve("policy", answer)
    status, out, err = hook(monkeypatch, capsys, EVENT)
    assert (status, out) == (2, "") and err.startswith("aios: blocked: ")


def test_no_service_and_wrong_arguments_block(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hook(monkeypatch, capsys, EVENT)[0] == 2
    for arguments in (["hook"], ["hook", "other"], ["hook", "claude-code", "--nonsense"]):
        with pytest.raises(SystemExit) as left:
            main(["policy", *arguments])
        assert left.value.code == 2
