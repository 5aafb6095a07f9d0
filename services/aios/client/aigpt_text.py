"""Memories for a person's terminal."""

from typing import Any

from aios.text import visible


def summary(memory: dict[str, Any]) -> str:
    """One line: id, day, score, the beginning of the text."""
    text = visible(" ".join(memory["content"].split()))
    score = memory.get("priority_score")
    rated = "    " if score is None else f"{score:.2f}"
    return f"{visible(memory['id'])}  {visible(memory['created_at'][:10])}  {rated}  {text[:160]}"


def details(memory: dict[str, Any]) -> str:
    lines = [
        f"{name.replace('_', ' ')}: {visible(_plain(value))}"
        for name, value in memory.items()
        if name not in ("content", "related_entities")
    ]
    if memory["related_entities"]:
        lines.append("related entities: " + ", ".join(map(visible, memory["related_entities"])))
    return "\n".join([*lines, "", *map(visible, memory["content"].split("\n"))])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)
