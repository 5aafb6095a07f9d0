from typing import Any

import pytest

from aios.errors import InvalidCommand, InvalidOption
from aios.exec.request import MAX_COMMAND, read


def test_a_command_as_it_is() -> None:
    assert read("ls\n echo 'é $X %n'", {}).command == "ls\n echo 'é $X %n'"


@pytest.mark.parametrize(
    "command", ["", "  \n", "a\0b", "x" * (MAX_COMMAND + 1), "é" * MAX_COMMAND]
)
def test_what_is_no_command(command: str) -> None:
    with pytest.raises(InvalidCommand):
        read(command, {})


def test_the_longest_command() -> None:
    read("x" * MAX_COMMAND, {})


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
        {"timeout_usec": 0},
        {"timeout_usec": -1},
        {"timeout_usec": "1"},
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
        },
    )  # fmt: skip
    assert request.timeout_usec == 5
    assert request.env == {"LANG": "C", "_X": "a b\n"}
    assert read("id", {}).timeout_usec is None
