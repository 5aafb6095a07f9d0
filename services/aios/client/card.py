"""The card: all that an approval binds, as a person sees it before the key is pressed."""

import time
import unicodedata
from collections.abc import Mapping
from typing import Any

from aios.client.terminal import Terminal, seconds
from aios.text import visible

_FIELDS = ("machine", "user", "cwd", "profile", "rule", "reason")
_LABEL = 10


def _columns(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def folded(text: str, width: int) -> list[str]:
    """`text` in rows of `width` columns. The terminal's own wrapping would start rows at its left
    edge, where padded text could pass for a field of the card."""
    rows, row, used = [], "", 0
    for char in visible(text):
        if used + _columns(char) > width:
            rows.append(row)
            row, used = "", 0
        row += char
        used += _columns(char)
    return [*rows, row]


def expires_in(usec: int) -> str:
    left = usec - time.time_ns() // 1000
    return f"in {seconds(left)}" if left > 0 else "now"


def fields(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [("command", str(request["command"]))]
    part = str(request.get("part", ""))
    if part and part != request["command"]:
        found.append(("because of", part))
    found += [(name, str(request[name])) for name in _FIELDS if request.get(name)]
    environment = request.get("env") or {}
    found += [("with", f"{name}={value}") for name, value in environment.items()]
    if request.get("expires"):
        found.append(("expires", expires_in(int(request["expires"]))))
    return [*found, ("id", str(request["id"]))]


def show(terminal: Terminal, request: Mapping[str, Any]) -> None:
    """The whole command, escaped, never shortened."""
    _card(terminal, "needs approval", fields(request))


def show_grant(terminal: Terminal, request: Mapping[str, Any]) -> None:
    """What would run without a question for the rest of the session."""
    grant = request["grant"]
    found = [("exactly" if grant["exact"] else "command", str(grant["command"]))]
    found += [(name, str(request[name])) for name in ("machine", "user", "cwd", "profile")
              if request.get(name)]  # fmt: skip
    found.append(("until", "this session is over, 12 h at most; aios approvals revoke ends it"))
    _card(terminal, "a grant: no more questions for", found)


def _card(terminal: Terminal, title: str, rows: list[tuple[str, str]]) -> None:
    if terminal.plain:
        terminal.note(title, "yellow")
        for label, value in rows:
            terminal.note(f"{label}: {visible(value)}", "")
        return
    bar = "  │ "
    room = max(terminal.width - len(bar) - _LABEL - 1, 20)
    terminal.note(f"  ┌ {title}", "yellow")
    for label, value in rows:
        for number, row in enumerate(folded(value, room)):
            name = label if number == 0 else ""
            style = "bold" if label in ("command", "exactly") else ""
            terminal.note(f"{bar}{name:<{_LABEL}} {row}", style)
