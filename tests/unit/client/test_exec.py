"""aios exec, between a policy and an exec that answer as these tests say."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve, Service

from aios.client.__main__ import main

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
REQUEST = {
    "id": ID, "command": "rm x", "machine": "aios", "uid": 0, "user": "root", "cwd": "/",
    "env": {}, "profile": "full", "part": "rm x", "rule": "r", "reason": "", "expires": 2**60,
}  # fmt: skip


def delegating(peer: Peer, call: dict[str, Any]) -> None:
    peer.event(delegation="d")
    peer.wait_gone()


def start(peer: Peer, stdout: bytes = b"", stderr: bytes = b"") -> None:
    """A job that has printed this, and reads nothing."""
    (stdin, stdin_end), (out_end, out), (err_end, err) = os.pipe(), os.pipe(), os.pipe()
    for fd, data in ((out, stdout), (err, stderr)):
        os.write(fd, data)
        os.close(fd)
    os.close(stdin)
    peer.give([stdin_end, out_end, err_end], job=ID, stdin=0, stdout=1, stderr=2)


def finish(peer: Peer, call: dict[str, Any]) -> None:
    if call["method"].endswith(".Start"):
        start(peer)
    else:
        peer.reply(exit_status=0, details={})


def started(
    serve: Serve,
    *,
    stdout: bytes = b"",
    stderr: bytes = b"",
    exit_status: int = 0,
    **details: Any,
) -> Service:
    def answer(peer: Peer, call: dict[str, Any]) -> None:
        match call["method"]:
            case "org.aios.Exec1.Start":
                start(peer, stdout, stderr)
            case "org.aios.Exec1.Job.Wait":
                assert call["parameters"] == {"object": ID}
                peer.reply(exit_status=exit_status, details={"ended": "exit", **details})
            case "org.aios.Exec1.Run":
                answered = {"stdout": stdout.decode(), "stderr": stderr.decode()}
                peer.reply(
                    exit_status=exit_status, details={"ended": "exit", **details}, **answered
                )
            case _:
                peer.reply()

    serve("policy", delegating)
    return serve("exec/aios", answer)


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
    started(serve, exit_status=7, stdout=b"\xff\0out", stderr=b"bad\n")
    assert main(["exec", "--", "x"]) == 7
    assert capfdbinary.readouterr() == (b"\xff\0out", b"bad\n")


def test_both_into_one_file(serve: Serve, tmp_path: Path) -> None:
    """They share one offset: splice would write one over the other."""
    started(serve, stdout=b"o" * 1000, stderr=b"e" * 1000)
    with (tmp_path / "file").open("wb") as file:
        kept = os.dup(1), os.dup(2)
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            assert main(["exec", "--", "x"]) == 0
        finally:
            for number, fd in enumerate(kept, 1):
                os.dup2(fd, number)
                os.close(fd)
    assert sorted((tmp_path / "file").read_bytes()) == sorted(b"e" * 1000 + b"o" * 1000)


def test_json(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    started(serve, stdout=b"out", exit_status=2)
    assert main(["exec", "--json", "--", "x"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["stdout"], said["exit_status"]) == ("out", 2)


def test_what_ran_into_its_profile(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    started(serve, stderr=b"x: Read-only file system\n", exit_status=1, profile="read-only")
    assert main(["exec", "--", "x"]) == 1
    assert "--profile standard" in capfd.readouterr().err


def test_what_has_to_be_confirmed(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    by = int((time.time() + 60.5) * 1e6)
    service = started(serve, confirm_by_usec=by, id=ID)
    assert main(["exec", "--confirm-within", "60", "--", "x"]) == 0
    first, last = capfd.readouterr().err.splitlines()
    assert first.endswith(f"aios confirm {ID}") and "undone in" in last and ID in last
    assert service.calls[0]["parameters"]["options"]["confirm_within_usec"] == 60_000_000


def test_detached(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    service = started(serve, stdout=b"not shown")
    assert main(["exec", "--detach", "--", "x"]) == 0
    assert capsys.readouterr().out == f"{ID}\n"
    assert service.calls[0]["parameters"]["options"]["detach"] is True
    assert [call["method"] for call in service.calls] == ["org.aios.Exec1.Start"]


def test_a_pty_needs_a_terminal(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    service = started(serve)
    assert main(["exec", "--pty", "--", "x"]) == 125
    assert "terminal" in capsys.readouterr().err and not service.calls


def test_exec_killed_while_the_job_runs(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    """The job goes on, and is waited for again."""
    waits = []

    def answer(peer: Peer, call: dict[str, Any]) -> None:
        if call["method"].endswith(".Start"):
            start(peer, b"still here\n")
        else:
            waits.append(call)
            if len(waits) < 3:
                peer.hang_up()
            else:
                peer.reply(exit_status=4, details={})

    serve("policy", delegating)
    serve("exec/aios", answer)
    assert main(["exec", "--", "x"]) == 4
    assert capfd.readouterr().out == "still here\n"
    assert waits == [waits[0]] * 3


def test_an_answer_without_streams(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    serve("policy", delegating)
    serve("exec/aios", lambda peer, call: peer.give([os.dup(0)], job=ID, stdin=0, stdout=1))
    assert main(["exec", "--", "x"]) == 125
    assert "without its streams" in capsys.readouterr().err
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 10


def test_options(serve: Serve) -> None:
    service = started(serve, ended="timeout", exit_status=143)
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
        self.delegated = threading.Event()

    def answer(self, peer: Peer, call: dict[str, Any]) -> None:
        method = call["method"].rpartition(".")[2]
        if method == "Delegate":
            self.watching += 1
            self.delegated.set()
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
        if call["method"].endswith(".Start"):
            peer.event(pending=ID)
        self.resolved.wait()
        if self.outcome == "approved":
            finish(peer, call)
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
        scene.delegated.wait()
        scene.outcome = "approved"
        scene.resolved.set()

    threading.Thread(target=approve).start()
    assert main(["exec", "--wait-approval", "30", "--", "rm x"]) == 0
    assert [call["method"] for call in scene.policy.calls] == ["org.aios.Policy1.Delegate"]


def test_approved_before_anybody_could_be_asked(serve: Serve) -> None:
    """That it waits, and the answer, come at once."""

    def at_once(peer: Peer, call: dict[str, Any]) -> None:
        pending = json.dumps({"parameters": {"pending": ID}, "continues": True}).encode()
        answer = {"parameters": {"exit_status": 0, "stdout": "", "stderr": "", "details": {}}}
        peer.send_raw(pending + b"\0" + json.dumps(answer).encode() + b"\0")

    serve("exec/aios", at_once)
    assert main(["exec", "--json", "--", "rm x"]) == 0


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
        if call["method"].endswith(".Start"):
            peer.event(pending=ID)
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
        if call["method"].endswith(".Start"):
            peer.event(pending=ID)
        done.wait()
        finish(peer, call)

    serve("policy", policy)
    serve("exec/aios", run)
    assert main(["exec", "--wait-approval", "30", "--", "rm x"]) == 0
    assert len(set(connections)) == 1 and len(connections) == 2
