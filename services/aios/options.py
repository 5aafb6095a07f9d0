"""Typed reading of `a{sv}` arguments and JSON objects. An unknown key is an error."""

import re
from collections.abc import Mapping
from typing import Any

from aios.errors import InvalidOption

Value = Any
"""What travels in `a{sv}`: str, int, float, bool, list, dict, bytes."""
_HALF = re.compile("[\ud800-\udfff]")


def _is(value: Value, kind: type | tuple[str, str]) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is str:
        # JSON lets it hold half of a character, which no file, and not the bus, could.
        return isinstance(value, str) and not _HALF.search(value)
    if kind == STRINGS:
        return isinstance(value, list) and all(_is(item, str) for item in value)
    if kind == STRING_MAP:
        return isinstance(value, dict) and all(
            _is(key, str) and _is(item, str) for key, item in value.items()
        )
    assert isinstance(kind, type)  # noqa: S101 - the two tuples are handled above
    return isinstance(value, kind)


STRINGS = ("array", "string")
STRING_MAP = ("map", "string")


class Options:
    """The options of one call, checked against `known` (key → type) at once."""

    def __init__(
        self, given: Mapping[str, Value], known: Mapping[str, type | tuple[str, str]]
    ) -> None:
        for key, value in given.items():
            if key not in known:
                raise InvalidOption(
                    f"unknown option {key!r}", hint="known: " + ", ".join(sorted(known))
                )
            if not _is(value, known[key]):
                kind = known[key]
                name = kind.__name__ if isinstance(kind, type) else " of ".join(kind)
                raise InvalidOption(f"option {key!r} must be {name}, not {value!r}")
        self._given = dict(given)

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def get_str(self, key: str, default: str = "") -> str:
        return str(self._given.get(key, default))

    def get_int(self, key: str, default: int, *, low: int = 0, high: int = 2**63 - 1) -> int:
        value = int(self._given.get(key, default))
        if not low <= value <= high:
            raise InvalidOption(f"option {key!r} must be in {low}..{high}, not {value}")
        return value

    def get_float(self, key: str) -> float | None:
        return float(self._given[key]) if key in self._given else None

    def get_bool(self, key: str, *, default: bool = False) -> bool:
        return bool(self._given.get(key, default))

    def get_strings(self, key: str) -> list[str] | None:
        value = self._given.get(key)
        return list(value) if value is not None else None

    def get_map(self, key: str) -> dict[str, str]:
        return dict(self._given.get(key, {}))
