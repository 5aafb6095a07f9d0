"""A record a line, as `aigpt import --format jsonl` takes them. Standard library only."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from aios.errors import InvalidOption
from aios.memory.importers.record import Record, derived_id


def read(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        yield from parse(lines)


def parse(lines: Iterable[str]) -> Iterator[Record]:
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidOption(f"line {place} is not JSON: {error}") from error
        if not isinstance(record, dict) or not isinstance(record.get("content"), str):
            raise InvalidOption(f"line {place} has no content")
        yield {"id": derived_id("", "jsonl", record["content"]), **record}
