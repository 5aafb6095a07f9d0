"""The record files of 2026: `ai.syui.gpt.memory/<tid>.json`, or a directory of them. Standard
library only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aios.errors import InvalidOption
from aios.memory.importers.record import Record, derived_id, load, pieces, text, time

_COLLECTION = "ai.syui.gpt.memory"


def read(path: Path) -> Iterator[Record]:
    if not path.is_dir():
        yield from _one(path, load(path))
        return
    files = sorted(path.rglob(f"{_COLLECTION}/*.json")) or sorted(path.glob("*.json"))
    if not files:
        raise InvalidOption(f"{path} has no record files")
    for file in files:
        yield from _one(file, load(file))


def _one(path: Path, whole: Any) -> Iterator[Record]:
    value = whole.get("value") if isinstance(whole, dict) else None
    content = value.get("content") if isinstance(value, dict) else None
    said = text(content.get("text") if isinstance(content, dict) else content)
    if not said.strip():
        return
    assert isinstance(value, dict)  # noqa: S101 - it has said something
    created = time(value.get("createdAt"))
    key = text(whole.get("uri")) or path.stem
    yield from pieces(
        {"id": derived_id(created, _COLLECTION, key), "content": said, "created_at": created}
    )
