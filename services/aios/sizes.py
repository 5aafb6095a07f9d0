"""Counts and sizes as systemd writes them: 64, "512M", "infinity"."""

import re

INFINITY = 2**64 - 1
_FACTORS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def number(value: int | str) -> int:
    """Raises ValueError for what is none."""
    if isinstance(value, int):
        return value
    if value == "infinity":
        return INFINITY
    found = re.fullmatch(r"(\d+)([KMGT]?)", value, re.ASCII)
    if found is None or int(found[1]) * _FACTORS[found[2]] > INFINITY:
        raise ValueError(value)
    return int(found[1]) * _FACTORS[found[2]]
