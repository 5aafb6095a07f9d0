"""aios exec, between a policy and an exec that answer as these tests say."""

import base64
import threading
from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve, Service

from aios.client.__main__ import main

DONE = {"exit_status": 0, "stdout": "", "stderr": "", "details": {"ended": "exit"}}
ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
REQUEST = {
    "id": ID, "command": "rm x", "machine": "aios", "uid": 0, "user": "root", "cwd": "/",
    "env": {}, "profile": "full", "part": "rm x", "rule": "r", "reason": "", "expires": 2**60,
}  # fmt: skip


def delegating(peer: Peer, call: dict[str, Any]) -> None:
    peer.event(delegation="d")
    peer.wait_gone()


def started(serve: Serve, **answer: Any) -> Service:
    serve("policy", delegating)
    return serve("exec/aios", lambda peer, call: peer.reply(**{**DONE, **answer}))


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--", "df -h | head"], "df -h | head"),
        (["--", "grep", "-r", "two words", "/etc"], "grep -r 'two words' /etc"),
        (["df", "-h"], "df -h"),
        (["-m", "aios", "--", "--help"], "--help"),
    ],
)
def test_words(serve: Serve, words: list[str], command: str) -> None:
    service = started(serve)
    assert main(["exec", *words]) == 0
    assert service.calls[0]["parameters"]["command"] == command


def test_streams_and_status(serve: Serve, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    raw = base64.b64encode(b"\xff\0out").decode()
    details = {"ended": "exit", "stdout_raw": raw}
    started(serve, exit_status=7, stdout="\ufffd\ufffdout", stderr="bad\n", details=details)
    assert main(["exec", "--", "x"]) == 7
    assert capfdbinary.readouterr() == (b"\xff\0out", b"bad\n")


def test_options(serve: Serve) -> None:
    service = started(serve, details={"ended": "timeout"}, exit_status=143)
    arguments = ["--timeout", "1.5", "--cwd", "/srv", "--profile", "standard"]
    assert main(["-m", "aios", "exec", *arguments, "--", "x"]) == 124
    options = service.calls[0]["parameters"]["options"]
    assert options.pop("session").startswith("exec-")
    assert options == {"timeout_usec": 1_500_000, "cwd": "/srv", "profile": "standard"}


@pytest.mark.parametrize(
    ("name", "status"),
    [("Denied", 126), ("ApprovalRejected", 3), ("ApprovalTimedOut", 3), ("Busy", 125)],
)
def test_refusals(serve: Serve, name: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    serve("policy", delegating)
    serve("exec/aios", lambda peer, call: peer.error(name, "be\x1b[2Kcause", "do that"))
    assert main(["exec", "--", "x"]) == status
    assert capsys.readouterr().err == "aios: be\\x1b[2Kcause\n  do that\n"


def test_a_killed_exec_is_not_asked_again(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve("policy", delegating)
    service = serve("exec/aios", lambda peer, call: peer.hang_up())
    assert main(["exec", "--", "x"]) == 125
    assert len(service.calls) == 1
    assert "aios log shows" in capsys.readouterr().err


def test_no_such_machine(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "-m", "nowhere", "--", "x"]) == 125
    assert main(["exec", "-m", "../policy", "--", "x"]) == 125
    assert capsys.readouterr().err.count("no machine") == 2


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["exec"], ["exec", "--"], ["exec", "--timeout", "0", "x"], ["exec", "--x"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


class Approving:
    """A policy with one request; an exec that answers when it is resolved."""

    def __init__(self, serve: Serve) -> None:
        self.resolved = threading.Event()
        self.outcome = ""
        self.watching = 0
        self.policy = serve("policy", self.answer)
        self.exec = serve("exec/aios", self.run)
        self.asked = threading.Event()

    def answer(self, peer: Peer, call: dict[str, Any]) -> None:
        method = call["method"].rpartition(".")[2]
        if method == "Delegate":
            self.watching += 1
            peer.event(delegation="d")
            self.asked.wait()
            peer.event(request=REQUEST)
            self.resolved.wait()
            peer.event(resolved={"id": ID, "outcome": self.outcome, "by_uid": 0})
            peer.wait_gone()
        elif method == "Reject":
            self.outcome = "rejected"
            peer.reply()
            self.resolved.set()

    def run(self, peer: Peer, call: dict[str, Any]) -> None:
        self.asked.set()
        self.resolved.wait()
        if self.outcome == "approved":
            peer.reply(**DONE)
        else:
            peer.error("ApprovalRejected", "nobody approved it")


def test_without_a_terminal_it_waits_and_then_refuses(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Approving(serve)
    assert main(["exec", "--wait-approval", "0.2", "--", "rm x"]) == 3
    said = capsys.readouterr().err
    assert f"needs approval: rm x  (aios approve {ID}; waiting 0.2 s)" in said
    rejection = scene.policy.calls[-1]
    assert rejection["method"] == "org.aios.Policy1.Reject"
    assert rejection["parameters"]["id"] == ID


def test_approved_from_elsewhere(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Approving(serve)

    def approve() -> None:
        scene.asked.wait()
        scene.outcome = "approved"
        scene.resolved.set()

    threading.Thread(target=approve).start()
    assert main(["exec", "--wait-approval", "30", "--", "rm x"]) == 0
    assert [call["method"] for call in scene.policy.calls] == ["org.aios.Policy1.Delegate"]


def test_who_leaves_takes_the_request_back(serve: Serve) -> None:
    """Here exec is killed; Ctrl-C is the same."""

    def policy(peer: Peer, call: dict[str, Any]) -> None:
        if call["method"].endswith(".Delegate"):
            peer.event(delegation="d")
            asked.wait()
            peer.event(request=REQUEST)
            told.set()
            peer.wait_gone()
        else:
            peer.reply()

    def run(peer: Peer, call: dict[str, Any]) -> None:
        asked.set()
        told.wait()
        peer.hang_up()

    asked, told = threading.Event(), threading.Event()
    service = serve("policy", policy)
    serve("exec/aios", run)
    assert main(["exec", "--wait-approval", "30", "--", "rm x"]) == 125
    assert service.calls[-1] == {"method": "org.aios.Policy1.Withdraw", "parameters": {"id": ID}}


def test_policy_killed_meanwhile(serve: Serve) -> None:
    """The request is in a file: whoever delegates again hears of it, and the answer still comes."""
    done = threading.Event()
    connections = []

    def policy(peer: Peer, call: dict[str, Any]) -> None:
        connections.append(call["parameters"]["session"])
        peer.event(delegation=f"d{len(connections)}")
        peer.event(request=REQUEST)
        if len(connections) == 1:
            peer.hang_up()
            return
        peer.event(resolved={"id": ID, "outcome": "approved", "by_uid": 0})
        done.set()
        peer.wait_gone()

    def run(peer: Peer, call: dict[str, Any]) -> None:
        done.wait()
        peer.reply(**DONE)

    serve("policy", policy)
    serve("exec/aios", run)
    assert main(["exec", "--wait-approval", "30", "--", "rm x"]) == 0
    assert len(set(connections)) == 1 and len(connections) == 2
