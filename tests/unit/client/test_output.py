"""Commands in an answer: their output as it comes, folded, side by side."""

import io
from typing import Any

import pytest

from aios.client import output
from aios.client.answer import Answer
from aios.client.output import Record, named
from aios.client.terminal import Terminal

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    class Out(io.StringIO):
        def reconfigure(self, **_: object) -> None:
            pass

    monkeypatch.setattr("sys.stdout", Out())
    monkeypatch.setattr("sys.stderr", Out())
    return Terminal()


def play(terminal: Terminal, records: output.Records | None, *events: tuple[str, Any]) -> str:
    answer = Answer(terminal, "aios", records)
    for kind, data in events:
        answer.event(kind, data)
    answer.close()
    assert isinstance(terminal.out, io.StringIO)
    return terminal.out.getvalue()


def command(number: int, text: str) -> tuple[str, Any]:
    return "command", {"number": number, "command": text, "machine": "aios"}


def piece(number: int, text: str) -> tuple[str, Any]:
    return "output", {"number": number, "stream": "stdout", "text": text}


def finished(number: int, command_id: str = ID) -> tuple[str, Any]:
    return "finished", {"number": number, "exit_status": 0, "id": command_id}


def test_lines_are_whole_when_they_are_written(terminal: Terminal) -> None:
    said = play(
        terminal, None, command(1, "x"), piece(1, "a"), piece(1, "b\nc 1%\rc 100%\r"),
        ("output", {"number": 1, "stream": "stderr", "text": "w\n"}), piece(1, "\nend"),
        finished(1),
    )  # fmt: skip
    assert said == "  $ x\nab\nc 100%\nend\n"


def test_the_middle_is_folded_and_kept(terminal: Terminal) -> None:
    known = output.records()
    text = "".join(f"{n}\n" for n in range(100))
    said = play(terminal, known, command(1, "x"), piece(1, text), finished(1)).split("\n")
    assert said[1:13] == [str(n) for n in range(12)]
    assert said[13:21] == [str(n) for n in range(92, 100)]
    assert isinstance(terminal.aside, io.StringIO)
    assert "… 80 lines, /log 9G5FAV shows all" in terminal.aside.getvalue()
    kept = named(known, "9g5fav")
    assert kept is not None and kept.text == text and kept.command == "x"
    assert named(known, "v") is kept and named(known, "8") is None


def test_a_long_line_is_cut_where_it_is_folded(terminal: Terminal) -> None:
    known = output.records()
    said = play(terminal, known, command(1, "x"), piece(1, "y" * 5000), finished(1))
    assert "y" * 1000 + " … 4000 characters\n" in said and known[0].text == "y" * 5000


def test_what_was_not_shown_is_told(terminal: Terminal) -> None:
    last = {"number": 1, "stream": "stdout", "text": "end\n", "left_out": 7}
    said = play(terminal, None, command(1, "x"), piece(1, "a"), ("output", last), finished(1))
    assert said == "  $ x\na\n… 7 characters left out …\nend\n"


def test_what_is_just_long_is_not_folded(terminal: Terminal) -> None:
    text = "".join(f"{n}\n" for n in range(20))
    assert text in play(terminal, output.records(), command(1, "x"), piece(1, text), finished(1))


def test_all_of_it_where_nobody_reads_along(terminal: Terminal) -> None:
    text = "".join(f"{n}\n" for n in range(1000))
    assert text in play(terminal, None, command(1, "x"), piece(1, text), finished(1))


def test_side_by_side_is_one_after_the_other(terminal: Terminal) -> None:
    said = play(
        terminal, None, command(1, "one"), command(2, "two"), piece(2, "b\n"), piece(1, "a\n"),
        finished(2), command(3, "three"), piece(3, "c\n"), piece(1, "A\n"), finished(1),
        finished(3),
    )  # fmt: skip
    assert said == "  $ one\na\nA\n  $ two\nb\n  $ three\nc\n"


def test_what_was_held_is_shown_when_the_answer_is_cut(terminal: Terminal) -> None:
    said = play(terminal, None, command(1, "one"), command(2, "two"), piece(2, "b"))
    assert said == "  $ one\n  $ two\nb\n"


def test_what_is_kept_is_bounded() -> None:
    record = Record("x", "aios")
    for _ in range(3):
        record.keep("x" * (output.KEPT // 2))
    assert record.cut and len(record.text) == output.KEPT
