from dataclasses import dataclass

from aios.chat.offline.times import Period


@dataclass(frozen=True, slots=True)
class Value:
    """What a slot was filled with."""

    type: str
    items: tuple[str, ...]
    weak: bool = False  # a word with a meaning of its own: it is a name only if it exists
    period: Period | None = None
