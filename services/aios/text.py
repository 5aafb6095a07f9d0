"""Text from elsewhere, made harmless for a human's terminal."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def visible(text: str) -> str:
    """Control, bidirectional, zero-width and other unprintable characters escaped, so that a
    command or its output cannot rewrite what a human sees."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def print_json(value: Any, *, flush: bool = False) -> None:
    """A line for programs. In ASCII where it meets a terminal, to which nothing in it can do
    anything then, or an encoding that has not all of Unicode."""
    # Most who make text harmless print no JSON.
    import json

    out = sys.stdout
    plain = out.isatty() or out.encoding.lower() != "utf-8"
    print(json.dumps(value, ensure_ascii=plain), flush=flush)
