"""`aios memory`, by the real interface on a socket."""

import asyncio
import io
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from aios import config
from aios.caller import Caller
from aios.client import place
from aios.client.__main__ import main
from aios.memory.database import Database
from aios.memory.interface import Memory
from aios.varlink import VarlinkServer


async def nobody(delegation: str) -> tuple[int, str, str, str]:
    raise LookupError(delegation)


async def serve(listening: socket.socket, path: Path, ready: threading.Event) -> None:
    async def identify(pid: int, uid: int) -> Caller:
        return Caller(uid=0, pid=pid)

    memory = Memory(Database(path), config.Config(), nobody)
    await VarlinkServer([memory], identify, nullcontext).listen([listening])
    ready.set()
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def door(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(place, "RUNTIME", str(tmp_path))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "memory.sock"))
    listening.listen()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    serving = loop.create_task(serve(listening, path, ready))

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    yield
    loop.call_soon_threadsafe(serving.cancel)
    thread.join()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_memory_s_life(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "add", "likes", "green", "tea"]) == 0
    made = capsys.readouterr().out.strip()
    assert main(["memory", "search", "tea"]) == 0
    assert main(["memory", "recent", "-n", "1"]) == 0
    assert capsys.readouterr().out.count(made) == 2
    assert main(["memory", "show", made]) == 0
    assert "likes green tea" in capsys.readouterr().out
    assert main(["memory", "stats", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["memories"] == 1
    assert main(["memory", "verify"]) == 0
    assert main(["memory", "show", "none"]) == 125


def test_forgetting_is_asked_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["memory", "add", "tea"])
    made = capsys.readouterr().out.strip()
    assert main(["memory", "forget", "--query", "tea"]) == 1
    assert "Nothing was forgotten" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert main(["memory", "forget", made]) == 1
    assert "Forget 1 memories and 0 commands for good?" in capsys.readouterr().err
    assert main(["memory", "forget", "--everything", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["memories"] == 1
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert main(["memory", "forget", made]) == 0
    assert "1 memories and 0 commands forgotten" in capsys.readouterr().out
    assert main(["memory", "forget", made, "--force"]) == 1


def test_what_is_exported_is_taken_in_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("tea", "a second\nline"):
        main(["memory", "add", text])
    capsys.readouterr()
    assert main(["memory", "export"]) == 0
    lines = capsys.readouterr().out
    assert len(lines.splitlines()) == 2
    file = tmp_path / "lines.jsonl"
    file.write_text(lines)
    assert main(["memory", "import", str(file)]) == 0
    assert capsys.readouterr().out == "0 memories, 0 commands, 2 known\n"
    main(["memory", "forget", "--everything", "--force"])
    assert main(["memory", "import", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["memories"] == 2
    main(["memory", "export"])
    assert capsys.readouterr().out == lines
    file.write_text("{\n")
    assert main(["memory", "import", str(file)]) == 125
    assert "line 1 is not JSON" in capsys.readouterr().err


def test_a_backup_and_the_way_back(capsys: pytest.CaptureFixture[str]) -> None:
    main(["memory", "add", "before"])
    assert main(["memory", "backup"]) == 0
    main(["memory", "add", "after"])
    assert main(["memory", "restore"]) == 1
    assert main(["memory", "restore", "--force"]) == 0
    capsys.readouterr()
    main(["memory", "recent"])
    said = capsys.readouterr().out
    assert "before" in said and "after" not in said
    assert main(["memory", "backup", "--list"]) == 0
    assert capsys.readouterr().out.count("memory-") == 1
