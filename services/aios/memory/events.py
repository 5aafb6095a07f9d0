"""What exec tells of a command, checked."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from aios.errors import InvalidOption
from aios.ids import is_id
from aios.memory.history import Event
from aios.memory.memories import MAX_REPLY, check_text
from aios.options import Options
from aios.redact import redact

_KNOWN: Mapping[str, type | tuple[str, str]] = {
    one.name: int if one.type in (int, int | None) else str for one in fields(Event)
}
_NEEDED = ("id", "command", "machine", "uid", "user", "started_at")
_REDACTED = ("command", "words")
_MAX_INTEGER = 2**63 - 1


def event_of(told: Mapping[str, Any]) -> Event:
    """The event, its secrets struck out. Raises InvalidOption."""
    given = Options(told, _KNOWN)
    for key in _NEEDED:
        if key not in given:
            raise InvalidOption(f"event has no {key!r}")
    for key, value in told.items():
        if isinstance(value, str):
            check_text(key, value, limit=MAX_REPLY)
        elif not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            raise InvalidOption(f"event {key!r} is out of range: {value}")
    if not is_id(given.get_str("id")):
        raise InvalidOption(f"not an id: {given.get_str('id')!r}")
    shown: dict[str, Any] = {k: redact(v) if k in _REDACTED else v for k, v in told.items()}
    return Event(**shown)
