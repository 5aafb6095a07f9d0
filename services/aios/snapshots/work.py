"""What is under way in a directory of the store, so that whoever comes after a kill or a power loss
knows what to finish and what to undo."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from aios import durable

FILE = "work.json"


@dataclass(frozen=True)
class Work:
    machine: str
    start: bool = False
    """The machine was stopped for it, and is to run again."""
    thaw: bool = False
    """The machine was frozen for it."""
    memory: str = ""
    """A backup of the memory that was made for it, or is being made."""
    recall: str = ""
    """A backup of the memory that is to be put in its place."""
    moment: str = ""
    """Of the tree that a restore puts aside."""
    keep: bool = True
    """That tree is to be a generation."""
    note: str = ""
    settings: str = ""
    """The generation whose settings are to be in force too: the path of its directory."""
    new: list[int] = field(default_factory=list)
    """The tree that is to be the machine's: who has it in its place has restored."""
    done: bool = False
    """It is in its place, or has been: nothing is to be undone."""


def write(directory: Path, work: Work) -> Work:
    """On disk when it returns."""
    durable.write(directory / FILE, json.dumps(asdict(work)) + "\n")
    return work


def change(directory: Path, work: Work, **values: object) -> Work:
    return write(directory, replace(work, **values))  # type: ignore[arg-type]


def read(directory: Path) -> Work | None:
    """None where it was never on disk: then nothing has been done but for making directories."""
    try:
        return Work(**json.loads((directory / FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
