"""Prompts, between a policy and a chat that answer as these tests say."""

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve, Service

from aios.client.__main__ import main
from aios.client.session import worst

Ask = Callable[[Peer, dict[str, Any]], None]


def delegating(peer: Peer, call: dict[str, Any]) -> None:
    parameters = call["parameters"]
    peer.event(delegation=f"d-{parameters['session']}-{parameters['machine']}")
    peer.wait_gone()


def chat(serve: Serve, ask: Ask) -> Service:
    serve("policy", delegating)
    opened = []

    def answer(peer: Peer, call: dict[str, Any]) -> None:
        if call["method"] == "org.aios.Chat1.Open":
            opened.append(call)
            peer.reply(session=f"s{len(opened)}")
        else:
            assert call["method"] == "org.aios.Chat1.Session.Ask"
            ask(peer, call["parameters"])

    return serve("chat", answer)


def saying(status: str, *events: tuple[str, dict[str, Any]]) -> Ask:
    def ask(peer: Peer, parameters: dict[str, Any]) -> None:
        for kind, data in events:
            peer.event(kind=kind, data=data)
        peer.reply(status=status)

    return ask


RAN = (
    ("command", {"command": "df -h", "machine": "aios", "why": "disks"}),
    ("output", {"stdout": "a\tb\n\x1b[31mred", "stderr": "warning\r\n"}),
    ("finished", {"exit_status": 0, "duration_usec": 20_000, "decision": "auto_allow"}),
)


def test_a_prompt(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    service = chat(serve, saying("ok", *RAN, ("text", {"text": "Th"}), ("text", {"text": "at."})))
    assert main(["show", "disk usage"]) == 0
    asked = service.calls[1]["parameters"]
    assert asked["prompt"] == "show disk usage"
    assert asked["options"] == {"delegation": "d-s1-aios"}
    said = capsys.readouterr()
    assert said.out == "  $ df -h\na\tb\n\\x1b[31mred\nThat.\n"
    assert said.err == "  disks\nwarning\n  ✓ 20 ms\n"


@pytest.mark.parametrize(
    ("status", "events", "exit_status"),
    [
        ("ok", [], 0),
        ("failed", [], 1),
        ("denied", [], 126),
        ("abstained", [("suggest", {"commands": ["ls", "df"]})], 4),
        ("interrupted", [], 130),
        ("failed", [("error", {"name": "x", "message": "no model", "hint": "get one"})], 125),
        ("denied", [("refused", {"name": "org.aios.Error.ApprovalRejected"})], 3),
        ("denied", [("refused", {"name": "org.aios.Error.Denied"})], 126),
        ("ok", [("of-a-newer-service", {})], 0),
    ],
)
def test_exit_status(
    serve: Serve, status: str, events: list[tuple[str, dict[str, Any]]], exit_status: int
) -> None:
    chat(serve, saying(status, *events))
    assert main(["x y"]) == exit_status


def test_lines(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    status = {"one": "ok", "two": "abstained", "three": "failed", "!four": "ok"}
    service = chat(serve, lambda peer, p: peer.reply(status=status[p["prompt"]]))
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\n  two  \nthree\n!four\nexit\nnever\n"))
    assert main([]) == 1
    prompts = [call["parameters"].get("prompt") for call in service.calls]
    assert prompts == [None, "one", "two", "three", "!four"]


def test_worst() -> None:
    assert [worst(0, 4), worst(4, 1), worst(3, 1), worst(126, 3), worst(126, 125)] == [
        4, 1, 3, 126, 125,
    ]  # fmt: skip


def test_a_killed_chat_costs_one_more_try(serve: Serve) -> None:
    tries = []

    def ask(peer: Peer, parameters: dict[str, Any]) -> None:
        tries.append(parameters["prompt"])
        if len(tries) == 1:
            peer.event(kind="notice", data={"text": "offline"})
            peer.hang_up()
        else:
            peer.reply(status="ok")

    chat(serve, ask)
    assert main(["-m", "aios", "x y"]) == 0
    assert tries == ["x y", "x y"]


def test_nothing_runs_twice(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    tries = []

    def ask(peer: Peer, parameters: dict[str, Any]) -> None:
        tries.append(parameters)
        peer.event(kind="command", data={"command": "reboot", "machine": "aios"})
        peer.hang_up()

    chat(serve, ask)
    assert main(["x y"]) == 125
    assert len(tries) == 1
    assert "Not asked again" in capsys.readouterr().err


def test_a_session_that_is_gone_is_opened_again(serve: Serve) -> None:
    sessions = []

    def ask(peer: Peer, parameters: dict[str, Any]) -> None:
        sessions.append(parameters["object"])
        if len(sessions) == 1:
            peer.error("NotFound", "no such object")
        else:
            peer.reply(status="ok")

    chat(serve, ask)
    assert main(["x y"]) == 0
    assert sessions == ["s1", "s2"]


def test_unreachable(runtime: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x y"]) == 125
    said = capsys.readouterr().err
    assert said.startswith("aios: aios cannot be reached at ") and "Traceback" not in said
