"""`aios memory`, by the real interface on a socket."""

import io
import json
import sys
from pathlib import Path

import pytest

from aios.client.__main__ import main

pytestmark = pytest.mark.usefixtures("door")


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
