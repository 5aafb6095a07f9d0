"""The commands of the record on a terminal, and as lines."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from aios.client.log_rows import Command
from aios.client.terminal import Terminal, seconds
from aios.text import visible

SHORT_ID = 8
"""So much of an id's end is shown; `aios log show` takes it."""
MIN_COMMAND = 20
_RUNS = {"started": "running"}


def local(usec: int) -> str:
    return f"{datetime.fromtimestamp(usec / 1_000_000).astimezone():%Y-%m-%d %H:%M:%S}"


def how(command: Command) -> tuple[str, str, str]:
    """(mark, style, what became of it)"""
    status, last = command.fields.get("exit_status"), command.events[0]["event"]
    if status is None:
        if last in ("requested", "pending", "started"):
            return "…", "", _RUNS.get(last, last)
        return "✗", "red", str(command.fields.get("ended", "not run"))
    ended = command.fields.get("ended", "exit")
    if status:
        return "✗", "red", f"exit {status}" if ended == "exit" else f"{ended}, exit {status}"
    return "✓", "green", "done"


def took(command: Command) -> str:
    usec = command.fields.get("duration_usec")
    return seconds(usec) if isinstance(usec, int) else ""


def who(command: Command) -> str:
    known = command.fields
    return str(known.get("user") or f"uid {known.get('uid')}")


def one_line(command: Command) -> str:
    return " ".join(str(command.fields.get("command", "")).splitlines())


def line(terminal: Terminal, command: Command) -> None:
    mark, style, end = how(command)
    known = command.fields
    about = [end, command.decision, known.get("machine"), who(command), known.get("purpose"),
             took(command)]  # fmt: skip
    said = ", ".join(str(part) for part in about if part)
    terminal.line(f"{local(command.usec)}  {mark} {one_line(command)}  ({said})", style)


def table(terminal: Terminal, commands: Sequence[Command], *, head: bool = True) -> None:
    """The command takes what the others leave of a line."""
    names = ("TIME", "MACHINE", "USER", "DECISION", "END", "TOOK", "ID", "COMMAND")
    rows = [
        (local(c.usec), str(c.fields.get("machine", "")), who(c), c.decision, how(c)[2], took(c),
         c.id[-SHORT_ID:], f"{how(c)[0]} {one_line(c)}")
        for c in commands
    ]  # fmt: skip
    cells = [tuple(visible(cell) for cell in row) for row in (names, *rows)]
    wide = [max(width(row[place]) for row in cells) for place in range(len(names) - 1)]
    room = max(terminal.width - sum(wide) - 2 * len(wide), MIN_COMMAND)
    styles = ["bold", *(how(command)[1] if how(command)[0] == "✗" else "" for command in commands)]
    shown = zip(cells, styles, strict=True)
    for row, style in shown if head else islice(shown, 1, None):
        front = "  ".join(padded(cell, size) for cell, size in zip(row[:-1], wide, strict=True))
        terminal.line(f"{front}  {cut(row[-1], room)}", style)


def width(text: str) -> int:
    """Columns on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def padded(text: str, size: int) -> str:
    return text + " " * (size - width(text))


def cut(text: str, size: int) -> str:
    if width(text) <= size:
        return text
    while text and width(text) >= size:
        text = text[:-1]
    return f"{text}…"
