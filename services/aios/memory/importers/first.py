"""aigpt 0.1: a memory.json. Standard library only."""

from collections.abc import Iterator
from pathlib import Path

from aios.errors import InvalidOption
from aios.memory.importers.record import Record, load, pieces, text, time


def read(path: Path) -> Iterator[Record]:
    whole = load(path)
    memories = whole.get("memories") if isinstance(whole, dict) else None
    if not isinstance(memories, dict):
        raise InvalidOption(f"{path} has no memories")
    for memory_id, memory in memories.items():
        content = text(memory.get("content")) if isinstance(memory, dict) else ""
        if not content.strip():
            continue
        score = memory.get("priority_score")
        interpreted = text(memory.get("interpreted_content"))
        yield from pieces(
            {
                "id": memory_id,
                "content": content,
                # It repeated the text where it had nothing to say.
                "ai_interpretation": "" if interpreted == content else interpreted,
                "priority_score": score if isinstance(score, int | float) else None,
                "created_at": time(memory.get("created_at")),
                "updated_at": time(memory.get("updated_at")),
            }
        )
