"""How long to look for what nobody thought of, and what to look with.

The budget is fixed and the same inputs come in every run; AIOS_FUZZ=N (20 with --long) takes
N times as many, and others each time. hypothesis prints what fails, as small as it gets.
"""

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("AIOS_FUZZ", "1"))


def budget(examples: int) -> settings:
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


SURPRISES = [
    "", " ", "\0", "\n", "x\0y", "../../etc/passwd", "/", ".host", "aios",
    "01ARZ3NDEKTSV4RRFFQ69G5FAW", "-x", "%s%n", "$(id)",
    "\x1b[2K\r", "\u202e", "\u200b", "\ufeff", "é" * 200, "A" * 70_000, "'\"`", "{}", "[]", "null",
    ":1.1", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "2025-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00",
    "\ud800", "x\udfff", "\U0001f98a", "nan", "AIOS_EVENT=finished", "DROP TABLE memories; --",
    "*", "NEAR(a b)", '"',
]  # fmt: skip

surprising = st.sampled_from(SURPRISES)
texts = surprising | st.text(max_size=40)
integers = st.sampled_from(
    [0, 1, -1, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1]
) | st.integers(min_value=-(2**63), max_value=2**64 - 1)
numbers = integers | st.floats()


def json_values(leaves: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """What JSON can say, and Python's reader takes."""
    found = leaves if leaves is not None else st.none() | st.booleans() | numbers | texts
    return st.recursive(
        found,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )
