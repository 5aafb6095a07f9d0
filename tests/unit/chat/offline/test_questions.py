import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sentences import NOW, read

from aios.chat.offline import Question, QuestionKind, answer
from aios.memory import answers, history, questions, schema
from aios.memory.history import Event


def row(command: str, started: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "01J0000000000000000000000A",
        "command": command,
        "machine": "aios",
        "exit_status": 0,
        "started_at": f"2026-11-{started}:00+00:00",
        "action": "read",
        "objects": [],
    } | more


ROWS = [
    row("du -sh /var", "20T14:20"),
    row("apt-get install -y tree", "20T14:03", action="install", objects=["tree"]),
    row("apt-get install -y nosuch", "20T13:00", action="install", objects=["nosuch"],
        exit_status=100),
    row("apt-cache show bash", "20T14:25", purpose="probe"),
    row("apt-get remove -y vim", "19T09:30", action="remove", objects=["vim"]),
    row("apt-get install -y git curl", "19T09:00", action="install", objects=["git", "curl"],
        machine="aios-dev"),
    row("systemctl restart nginx", "12T10:00", action="service-restart", objects=["nginx"]),
]  # fmt: skip


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(schema.connect(tmp_path / "memory.db")) as connection:
        for number, one in enumerate(ROWS):
            known = {name: one[name] for name in one if name not in ("action", "objects", "id")}
            event = Event(id=f"{number:026}", uid=0, user="me", ended="exit", **known)
            history.record(connection, event)
        yield connection


def ask(db: sqlite3.Connection, sentence: str) -> str:
    question = read(sentence)
    assert isinstance(question, Question), question
    asked = questions.read(sentence, NOW, UTC, sure=True)
    assert asked is not None
    return answer(question, answers.exact(answers.answer(db, asked, 1000)))


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("what did i just run?", "You just ran `du -sh /var` (aios, 14:20, exit 0)."),
        (
            "what did I install today?",
            "Today you installed tree (aios, 14:03, exit 0);"
            " it did not work for nosuch (aios, 13:00, exit 100).",
        ),
        (
            "what did i install yesterday?",
            "Yesterday you installed git and curl (aios-dev, 19 Nov 09:00, exit 0).",
        ),
        ("what did i remove yesterday", "Yesterday you removed vim (aios, 19 Nov 09:30, exit 0)."),
        ("what did i remove today", "Today you removed nothing (as far as history goes)."),
        ("did i install tree?", "Yes, you installed tree (aios, 14:03, exit 0)."),
        ("did i install emacs?", "No: history has no command that installed emacs."),
        ("have i installed nosuch today",
         "It was tried, but did not work: nosuch (aios, 13:00, exit 100)."),
        ("when did i install git",
         "You installed git on Thursday, 19 November 2026 at 09:00"
         " (aios-dev, 19 Nov 09:00, exit 0)."),
        ("how many packages did i install this week",
         "This week you installed 3: git, curl and tree (2 commands)."),
        ("what failed today",
         "Today you ran 1 command that failed:\n"
         "  apt-get install -y nosuch  (aios, 13:00, exit 100)"),
        ("which services did i restart last week",
         "Last week you restarted nginx (aios, 12 Nov 10:00, exit 0)."),
        ("what did i do on aios-dev yesterday",
         "Yesterday you ran 1 command:\n"
         "  apt-get install -y git curl  (aios-dev, 19 Nov 09:00, exit 0)"),
    ],
)  # fmt: skip
def test_answers_name_their_evidence(db: sqlite3.Connection, sentence: str, said: str) -> None:
    assert ask(db, sentence) == said


def test_probes_are_never_given(db: sqlite3.Connection) -> None:
    assert "apt-cache" not in ask(db, "what did i do today")


def test_times_are_the_persons() -> None:
    question = Question(
        QuestionKind.LAST, datetime.fromisoformat("2026-11-20T23:30+09:00"), limit=1
    )
    assert answer(question, ROWS[:3]) == "You just ran `du -sh /var` (aios, 23:20, exit 0)."


def test_an_answer_is_one_line_for_each_command() -> None:
    question = Question(QuestionKind.LAST, NOW, limit=1)
    said = answer(question, [row("echo \x1b[2J\nYou just ran nothing", "20T14:00")])
    assert "\n" not in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("sentence", "kind", "text"),
    [
        ("remember that the backup runs at 3am", QuestionKind.REMEMBER, "the backup runs at 3am"),
        ("Remember that Bob's server is 10.0.0.7, not 10.0.0.8", QuestionKind.REMEMBER,
         "Bob's server is 10.0.0.7, not 10.0.0.8"),
        ("what do you know about the backup?", QuestionKind.RECALL, "the backup"),
        ("what do you remember", QuestionKind.RECALL, ""),
        ("please remember: we never reboot prod; ask $BOB", QuestionKind.REMEMBER,
         "we never reboot prod; ask $BOB"),
    ],
)  # fmt: skip
def test_memories(sentence: str, kind: QuestionKind, text: str) -> None:
    question = read(sentence)
    assert isinstance(question, Question)
    assert (question.kind, question.text) == (kind, text)
