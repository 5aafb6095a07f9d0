"""A memory on its way in: the keys of `aigpt import --format jsonl`. Standard library only."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aios.errors import InvalidOption
from aios.memory.memories import MAX_CONTENT, MAX_ENTITIES, MAX_ENTITY

Record = dict[str, Any]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PIECE = MAX_CONTENT // 4
"""Characters: none takes more than four bytes."""


def time(value: object) -> str:
    """RFC 3339 in UTC from the same, from one without an offset (taken as UTC), or from seconds
    since 1970; "" for anything else."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            when = datetime.fromtimestamp(value, UTC)
        else:
            when = datetime.fromisoformat(str(value))
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return when.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        return ""


def derived_id(created_at: str, *parts: str) -> str:
    """The same ULID for the same parts, for what has no id that is its own everywhere."""
    milliseconds = 0
    if created_at:
        milliseconds = max(int(datetime.fromisoformat(created_at).timestamp() * 1000), 0)
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).digest()
    number = milliseconds << 80 | int.from_bytes(digest[:10], "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def pieces(record: Record) -> list[Record]:
    """The record, or several of it where its text is too long for one memory."""
    content = record["content"]
    if len(content.encode(errors="replace")) <= MAX_CONTENT:
        return [record]
    parts = [content[start : start + _PIECE] for start in range(0, len(content), _PIECE)]
    return [
        {**record, "id": f"{record['id']}-{place}" if place else record["id"], "content": part}
        for place, part in enumerate(parts)
        if part.strip()
    ]


def fit(record: Record) -> Record:
    """What a memory cannot be, left out: one record must not keep the others from coming in."""
    score = record.get("priority_score")
    rated = isinstance(score, int | float) and score == score  # NaN is not itself
    names = record.get("related_entities")
    return {
        **record,
        "priority_score": score if rated else None,
        "ai_interpretation": text(record.get("ai_interpretation"))[:_PIECE],
        "related_entities": [
            name
            for name in (names if isinstance(names, list) else [])
            if text(name) and len(text(name).encode()) <= MAX_ENTITY
        ][:MAX_ENTITIES],
    }


def text(value: object) -> str:
    """Text that can be stored: no NUL, no half characters."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "\ufffd").encode(errors="replace").decode()


def load(path: Path) -> Any:
    """The JSON in a file. Raises InvalidOption where there is none."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"{path} is not JSON: {error}") from error
