"""What is known of one generation."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from aios import durable
from aios.errors import InvalidOption
from aios.ids import is_id

FILE = "generation.json"
_NAME_MAX = 64
_NOTE_MAX = 1000


class Method(StrEnum):
    SUBVOLUME = "subvolume"
    """A snapshot of btrfs: made at once, shares what has not changed since."""
    REFLINK = "reflink"
    """Copied file by file, sharing the blocks."""
    COPY = "copy"
    MOVED = "moved"
    """The tree itself, which a restore put aside."""


class Moment(StrEnum):
    """What the files are of."""

    STOPPED = "stopped"
    """A machine that had shut down."""
    RUNNING = "running"
    """What a power cut would have left: one moment of each subvolume."""
    FROZEN = "frozen"
    """What a power cut would have left, of all of it."""


@dataclass(frozen=True)
class Generation:
    id: str
    machine: str
    created_at: str
    method: Method
    moment: Moment
    name: str = ""
    note: str = ""
    files: int = 0
    bytes: int = 0
    manifest: str = ""
    """SHA-256 of the manifest; "" where there is none."""
    contents: bool = False
    """Whether it has the files' digests."""
    subvolumes: dict[str, int] = field(default_factory=dict)
    """Of sealed subvolumes: the transactions that changed them last."""
    memory: str = ""
    """The name of the memory's backup."""
    settings: bool = False
    """Whether the machine's .nspawn file is beside it."""


def write(generation: Generation, directory: Path) -> None:
    """On disk when it returns."""
    durable.write(directory / FILE, json.dumps(asdict(generation), indent=1) + "\n")


def read(directory: Path) -> Generation:
    """Its machine is the one that it is kept for by now. Raises OSError, and ValueError for a file
    that is none."""
    told = json.loads((directory / FILE).read_text())
    try:
        return Generation(**{**told, "machine": directory.parent.name,
                             "method": Method(told["method"]),
                             "moment": Moment(told["moment"])})  # fmt: skip
    except (TypeError, KeyError) as error:
        raise ValueError(str(error)) from error


def known(directory: Path) -> Generation | None:
    """None for one whose file cannot be read."""
    try:
        return read(directory)
    except (OSError, ValueError):
        return None


def check_name(name: str) -> None:
    if not name:
        return
    letters = set("-_.")
    fits = len(name) <= _NAME_MAX and all(
        char.isascii() and (char.isalnum() or char in letters) for char in name
    )
    if not fits or not name[0].isalnum() or is_id(name):
        raise InvalidOption(
            f"{name!r} is no name for a snapshot",
            hint=f"letters, digits, '-', '_', '.', at most {_NAME_MAX}, and not like an id",
        )


def check_note(note: str) -> None:
    if len(note) > _NOTE_MAX or not note.isprintable():
        raise InvalidOption(f"a note is one line of at most {_NOTE_MAX} characters")


def beyond(generations: list[Generation], name: str, keep: int) -> list[Generation]:
    """Those of that name beyond the `keep` newest; generations: the newest first."""
    return [one for one in generations if one.name == name][keep:]
