"""aigpt on a file, and through a socket that the real interface serves."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aios.client import aigpt, aigpt_store
from aios.ids import is_id
from aios.memory import memories, schema

Aigpt = Callable[..., str]


@pytest.fixture(params=["file", "socket"])
def run(request: pytest.FixtureRequest, path: Path, capsys: pytest.CaptureFixture[str]) -> Aigpt:
    before: list[str] = []
    if request.param == "socket":
        request.getfixturevalue("door")
    else:
        before = ["--db", str(path)]

    def call(*arguments: str, status: int = 0) -> str:
        assert aigpt.main([*before, *arguments]) == status
        said = capsys.readouterr()
        return said.err if status else said.out

    return call


def test_a_memory_s_life(run: Aigpt) -> None:
    made = run("create", "I like\nred bicycles", "--score", "0.7", "--entity", "bike").strip()
    assert is_id(made)
    assert run("list").split() == [made, run("list").split()[1], "0.70", "I", "like", "red",
                                   "bicycles"]  # fmt: skip
    assert run("search", "bicycle").startswith(made)
    assert "related entities: bike\n" in run("get", made)
    assert run("get", made).endswith("\n\nI like\nred bicycles\n")
    run("update", made, "I like blue bicycles")
    kept = json.loads(run("--json", "get", made))
    assert (kept["content"], kept["priority_score"]) == ("I like blue bicycles", 0.7)
    assert kept["related_entities"] == ["bike"]
    assert run("delete", made) == f"{made} deleted\n"
    assert run("list") == "nothing found\n"


def test_what_fails_says_why(run: Aigpt) -> None:
    run("create", "x")
    assert run("get", "01", status=1) == "aigpt: no memory '01'\n"
    assert "needs some text" in run("create", " ", status=1)


def test_stats_and_pages(run: Aigpt) -> None:
    for number in range(5):
        run("create", f"note {number}")
    run("create", "note 5", "--interpretation", "five", "--score", "2")
    counted = json.loads(run("stats", "--json"))
    assert (counted["memories"], counted["interpreted"], counted["scored"]) == (6, 1, 1)
    assert counted["oldest"] < counted["newest"]
    page = json.loads(run("list", "--json", "--limit", "2", "--offset", "3"))
    assert [one["content"] for one in page] == ["note 2", "note 1"]
    assert len(json.loads(run("--json", "search", "notes", "--limit", "4"))) == 4


def test_a_terminal_is_safe(run: Aigpt) -> None:
    made = run("create", "a\x1b[2Jb\u202ec").strip()
    for output in (run("list"), run("get", made), run("search", "c")):
        assert "\\x1b" in output
        assert "\\u202e" in output


def test_a_file_that_is_not_there_is_not_made_by_reading(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aigpt.main(["--db", str(path), "list"]) == 1
    assert "no database" in capsys.readouterr().err
    assert not path.exists()


def test_the_service_s_file_is_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(schema.connect(path)) as db:
        memories.create(db, "01", memories.Draft.of("of the service"))
        link = path.parent / "link.db"
        link.symlink_to(path)
        monkeypatch.setattr(aigpt_store, "SERVICE_FILE", path)
        assert aigpt.main(["--db", str(link), "create", "x"]) == 1
        assert "aios-memory.service's own" in capsys.readouterr().err
        assert aigpt.main(["--db", str(link), "search", "service"]) == 0
        assert "of the service" in capsys.readouterr().out


def test_no_service_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aigpt_store, "SOCKET", str(tmp_path / "none.sock"))
    assert aigpt.main(["list"]) == 1
    assert "cannot be reached" in capsys.readouterr().err


def test_another_s_broken_file_is_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(os.urandom(4096))
    assert aigpt.main(["--db", str(path), "list"]) == 1
    assert "file is not a database" in capsys.readouterr().err


def test_what_the_output_cannot_take(path: Path) -> None:
    """It is said in a line: a full disk, a locale without Unicode."""
    program = [sys.executable, "-m", "aios.client.aigpt", "--db", str(path)]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    subprocess.run([*program, "create", "雪"], env=environment, check=True, capture_output=True)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*program, "list"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"aigpt: No space left on device\n")
    listed = subprocess.run([*program, "list"], env=environment, check=True, capture_output=True)
    assert rb"\u96ea" in listed.stdout
