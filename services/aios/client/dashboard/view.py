"""What was found, as lines of a terminal."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from aios.client import card
from aios.client.log_show import size
from aios.client.log_table import cut, padded
from aios.text import visible

Line = tuple[str, str]
"""Text, escaped, and style."""
MIN_COMMAND = 20


def lines(found: dict[str, Any], width: int) -> Iterator[Line]:
    memory = f", memory {size(found['memory']['bytes'])}" if "memory" in found else ""
    yield f"aios {found['version']} ({found['place']}){memory}", "bold"
    for service in found["services"]:
        good = service["state"] in ("idle", "running")
        mark, style = ("✓", "") if good else ("✗", "red")
        yield f"  {mark} {service['service']:<8} {visible(service['state'])}", style
    for machine in found["machines"]:
        running = "runs" if machine["running"] else "does not run"
        mark = "✓" if machine["running"] else "·"
        yield f"  {mark} machine {machine['machine']}: {running}; exec {machine['exec']}", ""
    if "pending" in found:
        yield from _pending(found["pending"], width)
        yield from _commands("Last commands", found["commands"], width)
        yield from _commands("Refused last", found["refused"], width)
    for what in found.get("unseen", ()):
        yield f"  not seen: {visible(what)}", "dim"


def _pending(waiting: list[dict[str, Any]], width: int) -> Iterator[Line]:
    if not waiting:
        yield "Nothing waits for approval", "bold"
        return
    yield f"Waiting for approval: {len(waiting)} (aios approve ID)", "bold"
    for one in waiting:
        about = (
            f"  … {one['id']}  {one['machine']}  {one['user']}"
            f"  expires {card.expires_in(one['expires_usec'])}"
        )
        yield _fit(about, one["command"], width), "yellow"


def _commands(title: str, rows: list[dict[str, Any]], width: int) -> Iterator[Line]:
    if not rows:
        return
    yield title, "bold"
    wide = [max(len(str(row[key])) for row in rows) for key in ("machine", "user", "end")]
    for row in rows:
        at = datetime.fromtimestamp(row["requested_usec"] / 1e6).astimezone()
        cells = (row["machine"], row["user"], row["end"])
        about = "  ".join(padded(str(c), w) for c, w in zip(cells, wide, strict=True))
        front = f"  {row['mark']} {at:%d %b %H:%M:%S}  {about}"
        yield _fit(front, row["command"], width), "red" if row["mark"] == "✗" else ""


def _fit(front: str, command: str, width: int) -> str:
    """The command takes what is left of the line."""
    front = visible(front)
    room = max(width - len(front) - 2, MIN_COMMAND)
    return f"{front}  {cut(visible(' '.join(command.split())), room)}"
