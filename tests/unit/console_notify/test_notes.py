"""What consoles and desktops show of a request, and where it is written."""

import os
import pty
from pathlib import Path

import pytest

from aios.client import notify
from aios.console_notify import note, terminals

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def test_a_note_is_three_harmless_lines() -> None:
    text = note.text(ID, command="rm \x1b[2K\u202ex\ny", machine="aios", user="m\re", rule="a:1 rm")
    assert text.split("\r\n") == [
        "",
        r"aios: m\re asks to run in aios, by a:1 rm:",
        r"  rm \x1b[2K\u202ex\ny",
        f"  aios approve {ID}",
        "",
    ]


def test_a_long_command_is_said_to_be_cut() -> None:
    text = note.text(ID, command="x" * 5000, machine="aios", user="me", rule="r")
    assert "… (cut: 5000 characters)\r\n" in text and len(text) < 1000


def test_a_notification_is_escaped_twice_where_it_is_markup() -> None:
    request = {"id": ID, "command": "echo '\x1b<b>'", "user": "me", "rule": "a:1 *"}
    assert notify.body(request, markup=False).startswith("echo '\\x1b<b>'\nfor me, by a:1 *\n")
    assert notify.body(request, markup=True).startswith("echo '\\x1b&lt;b&gt;'\n")


@pytest.mark.parametrize("name", ["", "pts", "pts/../x", "../etc/x", "pts/1\n", "/dev/tty1"])
def test_what_is_no_terminals_name(name: str) -> None:
    assert terminals.path_of(name) is None


@pytest.mark.parametrize("name", ["tty1", "ttyS0", "pts/12"])
def test_terminals_names(name: str) -> None:
    assert terminals.path_of(name) == Path("/dev", name)


def test_only_a_terminal_of_its_owner_is_written_to(tmp_path: Path) -> None:
    main, other = pty.openpty()
    try:
        path = Path(os.ttyname(other))
        assert terminals.write(path, os.getuid(), "x\r\n")
        assert os.read(main, 100).startswith(b"x")
        assert not terminals.write(path, os.getuid() + 1, "x")
        link = tmp_path / "link"
        link.symlink_to(path)
        assert not terminals.write(link, os.getuid(), "x")
    finally:
        os.close(main)
        os.close(other)
    plain = tmp_path / "plain"
    plain.touch()
    assert not terminals.write(plain, os.getuid(), "x") and not plain.read_bytes()
    assert not terminals.write(Path("/dev/null"), 0, "x")
