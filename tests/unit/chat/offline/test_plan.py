"""`aios plan` without a service: from a checkout, with no machine to look names up in."""

import io
import json
from typing import Any

import pytest
from sentences import brain

from aios.chat.offline.plan import batch, here, plan
from aios.client import place
from aios.client.__main__ import main


def asked(*lines: object) -> tuple[int, list[dict[str, Any]]]:
    given = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    answers = io.StringIO()
    status = batch(brain(), given, answers, here("debian"))
    return status, [json.loads(line) for line in answers.getvalue().splitlines()]


def test_batch_answers_in_order() -> None:
    status, answers = asked(
        {"id": "a", "nl": "install nginx"}, b"\n", {"id": 7, "nl": "hello there"}, {"nl": "uptime"}
    )
    assert status == 0
    assert [(one["id"], one["cmd"]) for one in answers] == [
        ("a", "apt-get install -y nginx"), (7, None), (None, "uptime -p"),
    ]  # fmt: skip
    assert all(one["ms"] >= 0 and one["did_you_mean"] == [] for one in answers)


@pytest.mark.parametrize("line", [b"x", b"[]", b'"a"', b"{}", b'{"nl": 1}', b"\xff", b"null"])
def test_a_line_that_is_none(line: bytes) -> None:
    status, answers = asked(line, {"id": 1, "nl": "df"})
    assert status == 2
    assert "error" in answers[0] and answers[1]["id"] == 1


@pytest.mark.parametrize(
    ("sentence", "command"),
    [
        ("remember that backups run at night", "aios memory add -- 'backups run at night'"),
        ("what did i install yesterday", "aios history -- 'what did i install yesterday'"),
        ("i prefer vim", "aios memory add -- 'i prefer vim'"),
    ],
)
def test_what_memory_answers(sentence: str, command: str) -> None:
    assert plan(brain(), sentence, here("debian")).command == command


def test_each_distribution() -> None:
    commands = {
        plan(brain(), "install htop", here(distro)).command
        for distro in ("debian", "arch", "fedora")
    }
    assert len(commands) == 3


def test_names_that_no_list_has() -> None:
    assert plan(brain(), "install frobnicator", here("debian")).unverified == ("frobnicator",)
    assert plan(brain(), "install htop", here("debian")).unverified == ()


def test_the_client_needs_no_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    monkeypatch.setattr(place, "RUNTIME", str(tmp_path))
    assert main(["plan", "--distro", "debian", "restart nginx"]) == 0
    assert capsys.readouterr().out == "systemctl restart nginx\n"
    assert main(["plan", "--json", "--distro", "arch", "how", "are", "you"]) == 4
    assert json.loads(capsys.readouterr().out)["reason"]
    with pytest.raises(SystemExit):
        main(["plan"])
