"""Questions about commands: how they are read, and what answers them."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest

from aios.memory import answers, history, questions
from aios.memory.answers import Whose
from aios.memory.history import Event

NOW = datetime(2026, 3, 11, 15, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("query", "label", "tags", "outcome", "terms"),
    [
        ("What did I install in aios-dev last week?", "last week", "install", None, "aios-dev"),
        ("Which commands failed yesterday?", "yesterday", "", "failed", ""),
        ("wat did i instal yesteday", "yesterday", "install", None, "wat"),
        ("what got removed this morning", "this morning", "remove delete *-remove", None, ""),
        ("which config files did I edit in march", "in March", "config edit", None, ""),
        ("who added the user bob", "", "user-add", None, "bob"),
        ("did I set nginx up without errors on 3 March", "on 3 March",
         "install config service-enable", None, "nginx"),
        ("who was added to the docker group", "", "user-change user-add", None, "docker"),
        ("stop and start the server yesterday", "yesterday",
         "service-stop service-start", None, ""),
        ("installs yesterday between 10 and 12", "from 10:00 to yesterday at 12:00", "install",
         None, ""),
        ("restarts in the first week of march", "first week in March",
         "service-restart container-restart service-reload", None, ""),
        ("were there failed upgrades in march", "in March", "upgrade", "failed", ""),
        ("show successful builds on friday", "on Friday", "build container-build", "ok", ""),
        ("which commands were denied today", "today", "", "denied", ""),
        ("先週 aios-dev で何をインストールした?", "先週", "install", None, "aios-dev"),
        ("昨日失敗したコマンドは?", "昨日", "", "failed", ""),
    ],
)  # fmt: skip
def test_reading(query: str, label: str, tags: str, outcome: str | None, terms: str) -> None:
    question = questions.read(query, NOW, UTC)
    assert question is not None
    assert (question.window.label if question.window else "") == label
    assert " ".join(question.tags) == tags
    assert question.outcome == outcome
    assert " ".join(question.terms) == terms


@pytest.mark.parametrize("query", ["", "what did Caroline say about her trip", "nginx", "hello?"])
def test_what_is_no_question_about_commands(query: str) -> None:
    assert questions.read(query, NOW, UTC) is None


def test_days_are_the_persons() -> None:
    tokyo = timezone(timedelta(hours=9))
    question = questions.read("what failed today", NOW, tokyo)
    assert question is not None
    assert question.window is not None
    # It is half past midnight there.
    assert question.window.since == datetime(2026, 3, 12, tzinfo=tokyo)


NUMBERS = count()
ROWS = (
    ("apt install -y nginx", "aios-dev", "2026-03-03T10:00:00Z", 0),
    ("apt install -y htop", "aios", "2026-03-04T10:00:00Z", 0),
    ("apt install -y nosuch", "aios-dev", "2026-03-05T10:00:00Z", 100),
    ("apt install -y jq", "aios-dev", "2026-03-10T10:00:00Z", 0),
    ("systemctl restart nginx", "aios", "2026-03-09T09:00:00Z", 0),
    ("systemctl restart nginx", "aios", "2026-03-10T18:00:00Z", 1),
    ("vim /etc/nginx/nginx.conf", "aios", "2026-03-10T17:50:00Z", 0),
    ("make -j4", ".host", "2026-03-11T08:00:00Z", 2),
)


@pytest.fixture
def done(db: sqlite3.Connection) -> sqlite3.Connection:
    for command, machine, started, status in ROWS:
        event = Event(
            f"{next(NUMBERS):026}", command, machine, 1000, "me", started,
            exit_status=status, ended="exit",
            words="the proxy" if "nginx.conf" in command else None,
        )  # fmt: skip
        history.record(db, event)
    return db


def test_a_machine_may_be_called_like_what_is_done(db: sqlite3.Connection) -> None:
    for command, machine in (
        ("make -j4", "aios"),
        ("apt install -y jq", "build"),
        ("rm /srv/www/old.log", "build"),
        ("rsync -a /srv/www/ backup:/srv/", "web1"),
        ("apt install -y rsync", "web1"),
    ):
        event = Event(f"B{next(NUMBERS)}", command, machine, 1000, "me", "2026-03-10T09:00:00Z")
        history.record(db, event)

    def exact(query: str) -> list[str]:
        question = answers.read(db, query, NOW, UTC)
        assert question is not None
        return [row["command"] for row in answers.exact(answers.answer(db, question, 9))]

    assert exact("what did I do on build yesterday?") == [
        "rm /srv/www/old.log",
        "apt install -y jq",
    ]
    assert exact("installs on build and web1") == ["apt install -y rsync", "apt install -y jq"]
    assert exact("what was deleted in /srv/www") == ["rm /srv/www/old.log"]
    assert exact("what did I rsync yesterday") == ["rsync -a /srv/www/ backup:/srv/"]
    assert answers.read(db, "what did Ann say about the build", NOW, UTC) is not None
    assert answers.read(db, "what did Ann say about Bob", NOW, UTC) is None


def asked(db: sqlite3.Connection, query: str, whose: Whose | None = None) -> list[str]:
    question = questions.read(query, NOW, UTC)
    assert question is not None
    return [row["command"] for row in answers.exact(answers.answer(db, question, 3, whose))]


@pytest.mark.parametrize(
    ("query", "commands"),
    [
        # What "last week" can also mean, the last seven days, comes after what it means first.
        ("What did I install in aios-dev last week?",
         ["apt install -y nosuch", "apt install -y nginx", "apt install -y jq"]),
        ("Which commands failed yesterday?", ["systemctl restart nginx"]),
        ("When did I last restart nginx, and did it work?",
         ["systemctl restart nginx", "systemctl restart nginx"]),
        ("what failed on the host today", ["make -j4"]),
        ("did I ever install emacs?", []),
        ("when did I edit nginx.conf", ["vim /etc/nginx/nginx.conf"]),
        ("which config did I change for the proxy", ["vim /etc/nginx/nginx.conf"]),
        ("commands that exited with 100", ["apt install -y nosuch"]),
        ("what did I install in dev on 10 march", ["apt install -y jq"]),
    ],
)  # fmt: skip
def test_answers(done: sqlite3.Connection, query: str, commands: list[str]) -> None:
    assert asked(done, query) == commands


def test_the_last_one_comes_first(done: sqlite3.Connection) -> None:
    question = questions.read("when did I last restart nginx", NOW, UTC)
    assert question is not None
    first = answers.answer(done, question, 1)[0]
    assert (first.row["started_at"][:10], first.row["exit_status"]) == ("2026-03-10", 1)


def test_what_nothing_fulfils_is_filled_up_and_says_so(done: sqlite3.Connection) -> None:
    question = questions.read("what did I remove in aios-dev last week", NOW, UTC)
    assert question is not None
    found = answers.answer(done, question, 5)
    assert found
    assert not any(one.exact for one in found)
    # In what "last week" can mean, in that machine, before all else.
    in_machine = [one.row["machine"] == "aios-dev" for one in found]
    assert in_machine[0]
    assert found[0].row["started_at"] > "2026-03-02"


def test_people_are_answered_with_their_own(done: sqlite3.Connection) -> None:
    assert asked(done, "which commands failed yesterday", Whose("you", 1001)) == []


@pytest.mark.parametrize(
    "query", ["\x00 failed", "failed \" ' * OR NEAR(", "failed %_", "失敗 \ud800"]
)
def test_any_text_is_a_question(done: sqlite3.Connection, query: str) -> None:
    question = questions.read(query, NOW, UTC, sure=True)
    assert question is not None
    answers.answer(done, question, 3)
