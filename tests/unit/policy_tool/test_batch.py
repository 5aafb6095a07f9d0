"""`aios policy check --batch`: one answer a line, in order, whatever the line is."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aios.policy.tool import batch
from aios.policy.tool.asker import Asker


def answers(asker: Asker, *lines: bytes) -> tuple[list[dict[str, Any]], int]:
    out = io.StringIO()
    status = batch.run(asker, io.BytesIO(b"\n".join(lines)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()], status


def ask(command: str, id: Any = 1, **more: Any) -> bytes:
    return json.dumps({"id": id, "command": command, **more}).encode()


def test_in_order_with_the_file_as_the_only_configuration(alone: Asker, config: Path) -> None:
    found, status = answers(
        alone, ask("ls; cat x", "a"), ask("rm -f -r //", 2), b"", ask("df", None), ask("rm x")
    )
    assert [one["id"] for one in found] == ["a", 2, None, 1]
    assert [one["decision"] for one in found] == [
        "auto_allow", "deny", "require_approval", "require_approval",
    ]  # fmt: skip
    assert found[1] == {
        "id": 2, "decision": "deny", "rule": f"{config}:4 rm -rf /", "why": "rm -f -r //",
    }  # fmt: skip
    assert status == 0


def test_the_builtin_concerns_stay(alone: Asker) -> None:
    (found,), _ = answers(alone, ask("cat /etc/shadow"))
    assert (found["decision"], found["rule"]) == ("require_approval", "built-in: effect")
    assert found["why"].startswith("cat /etc/shadow: ")


@pytest.mark.parametrize(
    ("machine", "user", "decision"),
    [
        (None, None, "require_approval"),
        ("dev1", "ann", "notify"),
        ("dev1", "bob", "require_approval"),
        ("aios", "ann", "require_approval"),
        (".host", "ann", "require_approval"),
    ],
)
def test_machine_and_user(
    alone: Asker, machine: str | None, user: str | None, decision: str
) -> None:
    more = {key: value for key, value in (("machine", machine), ("user", user)) if value}
    (found,), _ = answers(alone, ask("systemctl restart nginx", **more))
    assert found["decision"] == decision


@pytest.mark.parametrize(
    ("line", "id"),
    [
        (b"ls", None),
        (b"[]", None),
        (b'{"id": 7}', 7),
        (b'{"id": 7, "command": ["ls"]}', 7),
        (b'{"id": "x", "command": "ls", "machine": 1}', "x"),
        (b'{"id": "x", "command": "ls", "user": ""}', "x"),
        (b'{"id": {}, "command": "ls"}', None),
        (b'{"id": 1, "command": "\xff"}', None),
        (b"[" * 100_000, None),
    ],
)
def test_a_line_that_is_not_right_has_an_error_of_its_own(
    alone: Asker, line: bytes, id: Any
) -> None:
    found, status = answers(alone, line, ask("ls", "next"))
    assert found[0].keys() == {"id", "error"} and found[0]["id"] == id
    assert found[1]["decision"] == "auto_allow"
    assert status == 2


@pytest.mark.parametrize("command", ["", "ls \x00", "ls \ud800", "x" * 70_000])
def test_any_text_is_answered(alone: Asker, command: str) -> None:
    (found,), status = answers(alone, ask(command))
    assert found["decision"] == "require_approval" and status == 0


def test_each_answer_comes_before_the_next_question(config: Path) -> None:
    command = [sys.executable, "-m", "aios.policy.tool", "check", "--batch", "--config", config]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        for id in range(3):
            process.stdin.write(ask("ls", id) + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == id
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_a_configuration_that_is_not_right_answers_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("[permissions]\nautoallow = []\n")
    command = [sys.executable, "-m", "aios.policy.tool", "check", "--batch", "--config", file]
    done = subprocess.run(command, input=ask("ls"), capture_output=True, check=False, timeout=20)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{file}:2: unknown key".encode() in done.stderr
