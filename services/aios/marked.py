"""What programs and other people's servers say, for a model: data, between marks that nothing in it
can foresee, and no more of it than helps."""

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from aios.redact import redact

ENDS = 6000
"""Characters kept of each end."""
_FIELD_ENDS = 1000
"""Of one text in a record."""


def mark() -> str:
    """For all that is shown at once."""
    return f"data-{secrets.token_hex(8)}"


def between(mark: str, about: str, text: str) -> str:
    # JSON can say half of a surrogate pair, which nothing that this is sent with could.
    text = text.encode(errors="replace").decode()
    return f"<{mark} {about}>\n{bounded(text)}\n</{mark}>"


def bounded(text: str, ends: int = ENDS) -> str:
    """Its head and tail."""
    left_out = len(text) - 2 * ends
    if left_out <= 0:
        return text.rstrip("\n")
    return f"{text[:ends]}\n[… {left_out} characters left out …]\n{text[-ends:]}".rstrip("\n")


def records(found: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """As many of them as `between` shows whole, without secrets and with long texts cut: as they
    are, and an object a line, so that what is in it stays in its quotes. The first are the best,
    and one is shown in any case."""
    kept: list[dict[str, Any]] = []
    lines: list[str] = []
    size = 0
    for record in found:
        shown = {
            key: bounded(redact(value), _FIELD_ENDS) if isinstance(value, str) else value
            for key, value in record.items()
        }
        line = redact(json.dumps(shown, ensure_ascii=False))
        size += len(line) + 1
        if kept and size > 2 * ENDS:
            break
        kept.append(shown)
        lines.append(line)
    return kept, "\n".join(lines)
