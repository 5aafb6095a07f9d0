"""Anchors: places of the chain that exec writes down beside the journal, in its own state, which
only root can read. They tell a beginning that the journal no longer keeps from one that was taken
out, and a chain from another one put in its place.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from aios import durable

STATE = Path("/var/lib/aios/exec")
NAME = "anchors.jsonl"
HEAD = "audit-head.json"
EVERY = 256
"""Records."""
EVERY_USEC = 3_600 * 1_000_000
MAX_BYTES = 256 * 1024


class Anchor(NamedTuple):
    sequence: int
    hash: str
    usec: int = 0
    """When the record was written, realtime; 0: not known."""


def append(state: Path, anchor: Anchor) -> None:
    """One line. Raises OSError."""
    path = state / NAME
    # A line of which a kill or a power loss left a part ends here.
    line = f"\n{json.dumps(anchor._asdict())}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
    if path.stat().st_size > MAX_BYTES:
        _thin(state)


def _thin(state: Path) -> None:
    """Half as many of the older ones. On disk before it stands for all that there were."""
    found = read(state)
    middle = len(found) // 2
    kept = [*found[:middle:2], *found[middle:]]
    lines = "".join(f"{json.dumps(anchor._asdict())}\n" for anchor in kept)
    durable.write(state / NAME, lines)


def last(state: Path) -> Anchor | None:
    """The latest one. Raises OSError."""
    try:
        with (state / NAME).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - 4096, 0))
            found = _read(file.read().decode(errors="replace"))
    except FileNotFoundError:
        return None
    return found[-1] if found else None


def read(state: Path) -> list[Anchor]:
    """In the chain's order. Raises PermissionError; a file that is not there holds none."""
    try:
        return _read((state / NAME).read_text(errors="replace"))
    except FileNotFoundError:
        return []


def _read(text: str) -> list[Anchor]:
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError, TypeError):
            found.append(Anchor(**json.loads(line)))
    return sorted(found, key=lambda anchor: anchor.sequence)


def head(state: Path) -> Anchor | None:
    """Where the chain was when exec last began or left. Raises PermissionError."""
    path = state / HEAD
    try:
        said = json.loads(path.read_text())
        found = Anchor(int(said["sequence"]), str(said["hash"]), int(said.get("usec", 0)))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return found if found.sequence else None
