"""What is typed at the prompt and piped to it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve

from aios.client import piped, slash
from aios.client.__main__ import main
from aios.client.commands.init import SHELLS
from aios.client.typed import Kept, risk


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [("/help", "help", ""), ("/machine  web1 ", "machine", "web1"), ("/hlep", "hlep", "")],
)
def test_slash(line: str, name: str, argument: str) -> None:
    assert slash.read(line) == slash.Command(name, argument)


@pytest.mark.parametrize("line", ["/etc/fstab is wrong", "/etc", "/ is full", "help", "!/bin/ls"])
def test_a_path_is_a_prompt(line: str) -> None:
    assert slash.read(line) is None


def test_risk() -> None:
    assert [risk(name) for name in (".host", "web-prod", "aios")] == ["red", "yellow", "green"]


def test_history_keeps_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept = Kept()
    for line in ("one", "two\nlines", "日本"):
        kept.add(line)
    assert Kept().lines == ["one", "two\nlines", "日本"]
    file = tmp_path / "aios" / "history"
    assert file.read_bytes().count(b"\n") == 3
    file.write_text("".join(f"{n}\n" for n in range(5000)))
    assert Kept().lines[0] == "3000"
    assert len(file.read_text().splitlines()) == 2000 and file.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def put(data: bytes) -> None:
        (tmp_path / "input").write_bytes(data)
        monkeypatch.setattr(sys, "stdin", (tmp_path / "input").open())

    return put


def test_piped(pipe: Any) -> None:
    pipe(b"make: *** Error 2\xff\n")
    said = piped.with_prompt("why?")
    first, mark, *_ = said.splitlines()[0], said.splitlines()[3]
    assert first == "why?" and mark.startswith("<data-")
    assert "make: *** Error 2\ufffd" in said and said.endswith(f"</{mark[1:]}")
    pipe(b"data")
    assert piped.with_prompt("!ls") == "!ls"
    pipe(b" \n")
    assert piped.with_prompt("why?") == "why?"


def test_piped_is_bounded(pipe: Any) -> None:
    pipe(b"first\n" + b"x" * 300_000 + b"\nlast")
    said = piped.with_prompt("why?")
    assert len(said) < 40_000 and "first" in said and "last" in said
    left_out = 300_000 + 11 - piped.HEAD - piped.TAIL
    assert f"[… {left_out} bytes left out …]" in said


@pytest.mark.parametrize("before", [0, piped.HEAD - 20, 150_000, 300_000 - piped.TAIL - 20])
def test_what_is_piped_shows_no_secret(pipe: Any, before: int) -> None:
    pipe(
        b"x\n" * (before // 2) + b" ghp_" + b"a1B2" * 9 + b" " + b"x\n" * ((300_000 - before) // 2)
    )
    assert "a1B2" not in piped.with_prompt("why?")
    pipe(b"password=hunter2hunter2\n")
    assert "password=REDACTED" in piped.with_prompt("why?")


def test_events_as_json(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def delegate(peer: Peer, _call: dict[str, Any]) -> None:
        peer.event(delegation="d", machine="aios")
        peer.event(request={"id": "R", "command": "x", "machine": "aios"})
        peer.event(resolved={"id": "R", "outcome": "approved"})
        peer.wait_gone()

    def answer(peer: Peer, call: dict[str, Any]) -> None:
        if call["method"].endswith(".Open"):
            peer.reply(session="s1")
        else:
            peer.event(kind="text", data={"text": "\x1b[2K日"})
            peer.reply(status="failed")

    serve("policy", delegate)
    serve("chat", answer)
    with open(os.devnull) as nothing:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", nothing)
        assert main(["--json", "x y"]) == 1
    raw = capsys.readouterr().out
    assert raw.isascii() and "\x1b" not in raw
    events = [json.loads(line) for line in raw.splitlines()]
    assert [event["kind"] for event in events] == ["prompt", "approval", "resolved", "text", "end"]
    assert events[0]["data"] == {"prompt": "x y", "session": "s1"}
    assert events[-1]["data"] == {"status": "failed", "exit_status": 1}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (["--continue", "x y"], {"resume": "01B"}),
        (["--resume", "AAAAAA1", "x y"], {"resume": "01AAAAAA1"}),
        (["--resume=01B", "x y"], {"resume": "01B"}),
    ],
)
def test_going_on(serve: Serve, given: list[str], options: dict[str, str]) -> None:
    listed = [{"id": "01B", "machine": "web"}, {"id": "01AAAAAA1", "machine": "web"}]

    def answer(peer: Peer, call: dict[str, Any]) -> None:
        method = call["method"].rpartition(".")[2]
        replies: dict[str, dict[str, Any]] = {
            "Sessions": {"sessions": listed}, "Open": {"session": "s"}, "Ask": {"status": "ok"},
        }  # fmt: skip
        peer.reply(**replies[method])

    def delegate(peer: Peer, _call: dict[str, Any]) -> None:
        peer.event(delegation="d", machine="web")
        peer.wait_gone()

    serve("policy", delegate)
    chat = serve("chat", answer)
    assert main(given) == 0
    opened = next(call for call in chat.calls if call["method"].endswith(".Open"))
    assert opened["parameters"] == {"machine": "web", "options": options}


def test_an_end_of_several_ids(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    listed = [{"id": "01BX", "machine": "web"}, {"id": "01AX", "machine": "web"}]
    serve("chat", lambda peer, _call: peer.reply(sessions=listed))
    assert main(["--resume", "x", "x y"]) == 125
    assert "'x' is the end of several ids" in capsys.readouterr().err


def test_init(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in SHELLS:
        assert main(["init", shell]) == 0
        assert "aios plan" in capsys.readouterr().out
