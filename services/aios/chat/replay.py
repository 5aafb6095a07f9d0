"""A session's log as the events that its person saw, for a client that takes it up again."""

from collections.abc import Iterator
from typing import Any

from aios.chat.conversation import whole
from aios.chat.event import Kind
from aios.chat.session import Entry, Session

SHOWN = 8192
"""Characters of each stream of a command."""


def events(session: Session) -> list[dict[str, Any]]:
    """Each kind, at (RFC 3339), data."""
    found = []
    for entry in whole(session.entries()):
        for kind, data in _events(session, entry):
            found.append({"kind": str(kind), "at": entry["at"], "data": data})
    return found


def _events(session: Session, entry: Entry) -> Iterator[tuple[Kind, dict[str, Any]]]:
    match entry["type"]:
        case "prompt":
            yield Kind.PROMPT, {"text": entry["text"]}
        case "said":
            for block in entry["content"]:
                if block["type"] == "text":
                    yield Kind.TEXT, {"text": block["text"]}
        case "started":
            yield Kind.COMMAND, {key: entry[key] for key in ("number", "command", "machine", "why")}
            for stream in ("stdout", "stderr"):
                text = session.output(entry["id"], stream)
                if text:
                    left_out = max(0, len(text) - SHOWN)
                    more = {"left_out": left_out} if left_out else {}
                    piece = {"number": entry["number"], "stream": stream, "text": text[left_out:]}
                    yield Kind.OUTPUT, piece | more
        case "command":
            yield (
                Kind.FINISHED,
                {
                    key: value
                    for key, value in entry.items()
                    if key in ("number", "id", "exit_status", "ended", "duration_usec", "decision")
                },
            )
        case "refused":
            yield Kind.REFUSED, {k: v for k, v in entry.items() if k not in ("type", "at")}
        case "usage":
            yield Kind.USAGE, {k: v for k, v in entry.items() if k not in ("type", "at")}
        case "cut":
            yield Kind.NOTICE, {"text": f"[{entry['reason']}]"}
