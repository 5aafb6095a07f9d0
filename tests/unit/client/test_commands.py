"""The smaller commands, and what is said about wrong ones."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve

from aios.client import approval, place
from aios.client.__main__ import COMMANDS, main

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.parametrize(
    ("decision", "status"),
    [("auto_allow", 0), ("notify", 0), ("require_approval", 1), ("deny", 126)],
)
def test_policy_check(
    serve: Serve, decision: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    why = {"command": "ls", "rule": "policy.toml:3 ls", "reason": "", "normalized": "ls"}
    service = serve("policy", lambda peer, call: peer.reply(decision=decision, why=why))
    assert main(["policy", "check", "-m", "dev", "ls; ls"]) == status
    assert service.calls[0]["parameters"] == {"command": "ls; ls", "machine": "dev"}
    assert capsys.readouterr().out.startswith(f"{decision}\n  command     ls\n")
    assert main(["policy", "check", "--json", "--", "ls", "a b"]) == status
    assert service.calls[1]["parameters"] == {"command": "ls 'a b'", "machine": "aios"}
    assert json.loads(capsys.readouterr().out)["decision"] == decision
    assert main(["-m", "dev", "policy", "check", "ls"]) == status
    assert service.calls[2]["parameters"]["machine"] == "dev"


def test_approvals(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    request = [ID, "rm \x1bx\nanother line", "aios", 0, 2**60, "r"]
    serve("policy", lambda peer, call: peer.reply(requests=[request]))
    assert main(["approvals"]) == 0
    said = capsys.readouterr().out
    assert f"{ID}  rm \\x1bx\\nanother line\n" in said and "\x1b" not in said
    assert main(["approvals", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == ID


def test_a_locale_without_unicode(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    request = [ID, "rm 雪", "aios", 0, 2**60, "r"]
    serve("policy", lambda peer, call: peer.reply(requests=[request]))
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="latin-1"))
    assert main(["approvals", "--json"]) == 0
    assert json.loads(written.getvalue())[0]["command"] == "rm 雪"


def test_watched_as_lines_of_json(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"id": ID, "command": "rm a\u00a0b\x9b", "reason": "Füße\u2028"}

    def answer(peer: Peer, _call: dict[str, Any]) -> None:
        if len(service.calls) == 1:
            peer.event(pending=1)
            peer.event(request=request)
            peer.hang_up()
        else:
            peer.reply()

    service = serve("policy", answer)
    assert main(["approvals", "--watch", "--json"]) == 125
    assert json.loads(capsys.readouterr().out) == {"request": request}


def test_approve_in_a_machine(serve: Serve, runtime: Path) -> None:
    def answer(peer: Peer, call: dict[str, Any]) -> None:
        if call["method"].endswith(".WatchApprovals"):
            peer.event(pending=1)
            peer.event(request={"id": ID, "command": "rm x", "machine": "aios"})
        else:
            peer.reply()

    for own in ("exec", "machine"):
        (runtime / own).rmdir()
    service = serve("policy", answer)
    assert place.in_machine() and place.default_machine() == ""
    assert main(["approve", ID]) == 0
    assert service.calls[1]["method"] == "org.aios.Policy1.Approve"
    assert service.calls[1]["parameters"] == {"id": ID, "options": {}}
    assert main(["approve", "01ARZ3NDEKTSV4RRFFQ69G5FAW"]) == 125
    assert main(["reject", ID, "not", "now"]) == 0
    assert service.calls[-1]["parameters"] == {"id": ID, "reason": "not now"}


def test_memory(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    memory = {"id": ID, "content": "tea\x07\ntoo", "created_at": "2026-01-31T10:00:00+00:00"}

    def answer(peer: Peer, call: dict[str, Any]) -> None:
        if call["method"].endswith(".Create"):
            peer.reply(id=ID)
        else:
            peer.reply(memories=[memory] if call["parameters"].get("query") != "none" else [])

    service = serve("memory", answer)
    assert main(["memory", "add", "tea", "too"]) == 0
    assert service.calls[0]["parameters"]["content"] == "tea too"
    assert main(["memory", "search", "tea"]) == 0
    assert "  tea\\x07\n  too\n" in capsys.readouterr().out
    assert main(["memory", "search", "none"]) == 1
    assert main(["memory", "list", "-n", "3", "--json"]) == 0
    assert service.calls[-1]["parameters"] == {"options": {"limit": 3}}


@pytest.mark.parametrize("content", [b"\x80\xff\n", b"[" * 100_000, b"[]\n"])
def test_what_is_no_memories(
    serve: Serve, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve("memory", lambda peer, call: peer.reply())
    (tmp_path / "file").write_bytes(content)
    assert main(["memory", "import", str(tmp_path / "file")]) == 125
    assert " is not " in capsys.readouterr().err
    assert not service.calls


def test_a_look_up_survives_a_killed_service(serve: Serve) -> None:
    tries = []

    def answer(peer: Peer, call: dict[str, Any]) -> None:
        tries.append(call)
        if len(tries) == 1:
            peer.hang_up()
        else:
            peer.reply(memories=[])

    serve("memory", answer)
    assert main(["memory", "list"]) == 0


def test_history(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "id": ID, "command": "apt install tree", "machine": "aios", "user": "me", "uid": 1000,
        "started_at": "2026-01-31T10:00:00.000000+00:00", "exit_status": 1,
        "duration_usec": 65_000_000,
    }  # fmt: skip
    service = serve("memory", lambda peer, call: peer.reply(rows=[row]))
    assert main(["history", "--since", "2026-01-31", "--failed", "-n", "5", "tree"]) == 0
    wanted = service.calls[0]["parameters"]["filter"]
    assert wanted.pop("since").startswith("2026-01-31T00:00:00")
    assert wanted == {"limit": 5, "outcome": "failed", "text": "tree"}
    assert f"✗ apt install tree  (aios, me, exit 1, 1 min 5 s, {ID})" in capsys.readouterr().out


def test_in_a_machine_some_things_are_the_hosts(
    runtime: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for own in ("exec", "machine"):
        (runtime / own).rmdir()
    assert main(["log"]) == 125
    assert main(["exec", "--", "ls"]) == 125
    assert "on the host" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"] if name else ["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "exit status" in said or name in (
        "approvals", "reject", "history", "log", "jobs", "cancel", "confirm",
    )  # fmt: skip
    assert said.startswith("usage: aios")


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["histroy"], ["-m", "x", "status"], ["policy"], ["memory", "forget"],
     ["approve"], ["log", "-n", "x"], ["history", "--since", "whenever"],
     ["exec", "--wait-approval", "inf", "--", "ls"], ["--wait-approval=nan", "a prompt"],
     ["exec", "--wait-approval", "-1", "--", "ls"],
     ["exec", "--json", "--pty", "--detach", "--", "ls"],
     ["exec", "--json", "--detach", "--", "ls"]],
)  # fmt: skip
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.err and not said.out


def test_nothing_is_approved_for_nobody(serve: Serve) -> None:
    """Waiting elsewhere is what happens without a terminal; the card needs one."""
    from aios.client.terminal import Terminal

    assert isinstance(approval.asked(Terminal(), None), approval.AskedElsewhere)
