"""`core.md`, `memory.md` and the like: a list's items and paragraphs, each with the heading it
stands under. Standard library only."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from aios.memory.importers.record import Record, derived_id, pieces, text

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(.*)")
_RULE = re.compile(r"\s*([-*_])(\s*\1){2,}\s*$")


def read(path: Path) -> Iterator[Record]:
    created = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="microseconds")
    for content in parts(text(path.read_text(encoding="utf-8", errors="replace"))):
        # Not by the file's time: it changes with every line that is added.
        yield from pieces(
            {"id": derived_id("", "markdown", content), "content": content, "created_at": created}
        )


def parts(whole: str) -> Iterator[str]:
    """What would be a memory each."""
    heading = ""
    held: list[str] = []
    fence = ""

    def flush() -> Iterator[str]:
        said = "\n".join(held).strip()
        held.clear()
        if said:
            yield f"{heading}: {said}" if heading else said

    for line in _without_front_matter(whole.splitlines()):
        mark = line.lstrip()[:3]
        if fence:
            held.append(line)
            fence = "" if mark == fence else fence
        elif mark in ("```", "~~~"):
            fence = mark
            held.append(line)
        elif title := _HEADING.match(line):
            yield from flush()
            heading = title[1]
        elif not line.strip() or _RULE.match(line):
            yield from flush()
        elif item := _ITEM.match(line):
            yield from flush()
            held.append(item[1])
        else:
            held.append(line.strip())
    yield from flush()


def _without_front_matter(lines: list[str]) -> list[str]:
    if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:]):
        end = next(place for place, line in enumerate(lines) if place and line.strip() == "---")
        return lines[end + 1 :]
    return lines
