"""The four decisions, ordered from least to most strict."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    AUTO_ALLOW = "auto_allow"
    NOTIFY = "notify"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"

    @property
    def rank(self) -> int:
        return _RANK[self]

    @property
    def is_strict(self) -> bool:
        """Whether rules of this decision are matched generously."""
        return self.rank >= 2

    # StrEnum compares as text; strictness is what callers mean.
    def __lt__(self, other: object) -> bool:
        return self.rank < _rank(other)

    def __le__(self, other: object) -> bool:
        return self.rank <= _rank(other)

    def __gt__(self, other: object) -> bool:
        return self.rank > _rank(other)

    def __ge__(self, other: object) -> bool:
        return self.rank >= _rank(other)


_RANK = {decision: rank for rank, decision in enumerate(Decision)}


def _rank(value: object) -> int:
    if isinstance(value, Decision):
        return _RANK[value]
    raise TypeError(f"cannot compare a Decision with {type(value).__name__}")
