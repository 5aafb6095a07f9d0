"""Memories from elsewhere, as records with ids and times of their own: taken in again, nothing
changes. Standard library only."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from aios.errors import InvalidOption
from aios.memory.importers import chatgpt, first, jsonl, markdown, original, records
from aios.memory.importers.record import Record, fit

_READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    "aigpt": original.read,
    "aigpt-0.1": first.read,
    "records": records.read,
    "markdown": markdown.read,
    "chatgpt": chatgpt.read,
    "jsonl": jsonl.read,
}
FORMATS = tuple(_READERS)
_SQLITE = b"SQLite format 3\0"


def read(path: Path, kind: str) -> Iterator[Record]:
    """Raises InvalidOption for what is not of that kind, OSError for what cannot be read."""
    return map(fit, _READERS[kind](path))


def detect(path: Path) -> str:
    """The format, by what is in it."""
    if path.is_dir():
        return "records"
    with path.open("rb") as file:
        if file.read(len(_SQLITE)) == _SQLITE:
            return "aigpt"
    if path.suffix.lower() in (".md", ".markdown"):
        return "markdown"
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return "jsonl"
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return _lines(path)
    if isinstance(whole, dict) and isinstance(whole.get("memories"), dict):
        return "aigpt-0.1"
    if isinstance(whole, dict) and isinstance(whole.get("value"), dict):
        return "records"
    if isinstance(whole, list) and all(isinstance(one, dict) and "mapping" in one for one in whole):
        return "chatgpt"
    return _lines(path)


def _lines(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as lines:
        line = next((line for line in lines if line.strip()), "")
    try:
        first_record = json.loads(line)
    except (ValueError, RecursionError):
        first_record = None
    if isinstance(first_record, dict) and "content" in first_record:
        return "jsonl"
    raise InvalidOption(f"what {path} is cannot be told", hint="--format " + "|".join(FORMATS))
