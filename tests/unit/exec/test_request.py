from typing import Any

import pytest

from aios.errors import InvalidCommand, InvalidOption
from aios.exec.limits import Limits
from aios.exec.request import MAX_COMMAND, MAX_WORDS, read


def test_a_command_as_it_is() -> None:
    assert read("ls\n echo 'é $X %n'", {}).command == "ls\n echo 'é $X %n'"


@pytest.mark.parametrize(
    "command", ["", "  \n", "a\0b", "x" * (MAX_COMMAND + 1), "é" * MAX_COMMAND]
)
def test_what_is_no_command(command: str) -> None:
    with pytest.raises(InvalidCommand):
        read(command, {})


def test_the_longest_command() -> None:
    assert read("x" * MAX_COMMAND, {}).command == "x" * MAX_COMMAND


@pytest.mark.parametrize(
    "options",
    [
        {"pty": True},
        {"cwd": "tmp"},
        {"cwd": "/srv/../root"},
        {"cwd": "/srv\nx"},
        {"cwd": 1},
        {"env": {"A B": "x"}},
        {"env": {"1A": "x"}},
        {"env": {"A": "\x1b[2K"}},
        {"env": {"A": "x" * 70000}},
        {"env": ["A=x"]},
        {"env": {"A": "\ud800"}},
        {"profile": "\ud800"},
        {"timeout_usec": 2**64 - 1},
        {"timeout_usec": True},
        {"timeout_usec": 0},
        {"timeout_usec": -1},
        {"timeout_usec": "1"},
        {"memory_max": 0},
        {"tasks_max": 0},
        {"cpu_weight": 10_001},
        {"output_max": 0},
        {"words": 1},
        {"confirm_within_usec": 999_999},
        {"purpose": "fun"},
        {"session": "x" * 200},
        {"session": "a\nb"},
        {"delegation": "x" * 200},
    ],
)
def test_what_is_no_option(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        read("id", options)


def test_all_options() -> None:
    request = read(
        "id",
        {
            "profile": "standard", "cwd": "/srv", "env": {"LANG": "C", "_X": "a b\n"},
            "timeout_usec": 5, "session": "s", "delegation": "d", "purpose": "probe",
            "memory_max": 6, "tasks_max": 7, "cpu_weight": 8, "output_max": 9, "words": "do it",
            "confirm_within_usec": 60_000_000,
        },
    )  # fmt: skip
    assert request.limits == Limits(5, 6, 7, 8, 9)
    assert request.env == {"LANG": "C", "_X": "a b\n"}
    assert request.words == "do it"
    assert request.confirm_within_usec == 60_000_000
    assert read("id", {}).limits == Limits()


def test_options_of_start() -> None:
    request = read("vim", {"pty": True, "rows": 24, "columns": 80, "detach": True}, start=True)
    assert (request.pty, request.rows, request.columns, request.detach) == (True, 24, 80, True)
    assert read("x", {"output_max": 5}, start=True).limits.output_max == 5


@pytest.mark.parametrize(
    "options",
    [
        {"rows": 24},
        {"pty": False, "columns": 80},
        {"pty": True, "rows": 70000},
        {"output_max": 0},
        {"detach": 1},
        {"sorts": True},
    ],
)
def test_what_is_no_option_of_start(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        read("id", options, start=True)


def test_an_option_in_the_wrong_place_says_where_it_belongs() -> None:
    with pytest.raises(InvalidOption, match="'pty' is for Start"):
        read("id", {"pty": True})


@pytest.mark.parametrize("text", ["é" * 600, "x" + "é" * 600, "a" * 2000, "\U0001f600" * 300])
def test_long_words_are_cut_at_a_character(text: str) -> None:
    words = read("id", {"words": text}).words
    assert text.startswith(words)
    assert MAX_WORDS - 3 <= len(words.encode()) <= MAX_WORDS
