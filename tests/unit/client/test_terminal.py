"""What reaches a terminal, and what counts as a key."""

import io
import json
import os

import pytest

from aios.client.card import fields, folded
from aios.client.terminal import NO_KEY, Terminal, harmless, read_key, seconds, settled
from aios.text import print_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n", "a\tb\n"),
        ("50%\r100%\r\n", "50%\\r100%\n"),
        ("\x1b[2Kx", "\\x1b[2Kx"),
        ("\x9b", "\\x9b"),
        ("rm\u202egnp", "rm\\u202egnp"),
        ("a\u200bb\u2028", "a\\u200bb\\u2028"),
        ("日本 ✓ ü", "日本 ✓ ü"),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(Read ... \r(Read ... 5%\r(Read ... 10 files.)\nnext", "(Read ... 10 files.)\nnext"),
        ("removed /etc\rnothing was done\n", "removed /etc\rnothing was done\n"),
        ("a\r\nb\r", "a\nb\r"),
        ("\r\rx", "x"),
    ],
)
def test_settled(text: str, shown: str) -> None:
    assert settled(text) == shown


def test_both_streams_in_one_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    # Buffered, as they are where they are no terminal.
    with os.fdopen(os.dup(writer), "w") as out, os.fdopen(writer, "w") as err:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        terminal = Terminal()
        terminal.piece("the answer", "")
        terminal.fresh_line()
        assert os.read(reader, 100) == b"the answer\n"
        terminal.piece("another", "")
        terminal.note("about it")
        assert os.read(reader, 100) == b"another\nabout it\n"
    os.close(reader)


def test_a_command_cannot_draw_a_card() -> None:
    rows = folded("rm -rf /srv #" + " " * 30 + "│ machine  other\n│ rule", 20)
    assert all(len(row) <= 20 for row in rows)
    assert "".join(rows).endswith("\\n│ rule")
    assert folded("日本語日本語", 5) == ["日本", "語日", "本語"]


def test_the_card_shows_what_is_bound() -> None:
    request = {"id": "I", "command": "a; b", "part": "b", "machine": "m", "user": "u", "cwd": "/",
               "env": {"PATH": "/x"}, "profile": "full", "rule": "r", "reason": ""}  # fmt: skip
    assert fields(request) == [
        ("command", "a; b"), ("because of", "b"), ("machine", "m"), ("user", "u"), ("cwd", "/"),
        ("profile", "full"), ("rule", "r"), ("with", "PATH=/x"), ("id", "I"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "key"),
    [(b"y", "y"), (b"y\n", "y"), (b"yes\n", NO_KEY), (b"y\ny\n", NO_KEY), (b"\x1b[A", NO_KEY),
     (b"\n", "\n"), (b"\n\n", "\n"), (b"\x04", "\x04")],
)  # fmt: skip
def test_keys(typed: bytes, key: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, typed)
    os.close(writing)
    assert read_key(reading) == key
    if key:
        assert read_key(reading) == ""
    os.close(reading)


def test_seconds() -> None:
    assert [seconds(20_000), seconds(3_210_000), seconds(65_000_000), seconds(7_300_000_000)] == [
        "20 ms", "3.2 s", "1 min 5 s", "2 h 1 min",
    ]  # fmt: skip


@pytest.mark.parametrize("on_terminal", [True, False])
def test_print_json(monkeypatch: pytest.MonkeyPatch, *, on_terminal: bool) -> None:
    value = {"command": "\x9b2J \u202e \u2028 \x7f 日本"}
    reader, writer = os.openpty() if on_terminal else os.pipe()
    with open(writer, "w", encoding="utf-8") as out:  # noqa: PTH123 - a descriptor has no Path
        monkeypatch.setattr("sys.stdout", out)
        print_json(value, flush=True)
        said = os.read(reader, 4096)
    os.close(reader)
    assert json.loads(said) == value
    assert (said.isascii(), "日本".encode() in said) == (on_terminal, not on_terminal)


def test_print_json_where_not_all_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", out)
    print_json("日本 ü", flush=True)
    assert json.loads(out.buffer.getvalue()) == "日本 ü"  # type: ignore[attr-defined]
