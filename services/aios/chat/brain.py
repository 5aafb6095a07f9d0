"""What a brain is: something that streams events for a conversation. One model call, no loop."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, fields
from typing import Any, Protocol

from aios.chat.conversation import Block, Message


@dataclass(frozen=True)
class Usage:
    """Tokens. input_tokens: those that no cache had anything to do with."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        names = [one.name for one in fields(self)]
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def total(self) -> int:
        return sum(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True)
class Text:
    """A piece of the answer, as it comes."""

    text: str


@dataclass(frozen=True)
class Retry:
    """It was asked in vain, and is asked again after `seconds`."""

    attempt: int
    attempts: int
    seconds: float
    reason: str


@dataclass(frozen=True)
class Reply:
    """A whole turn of the model: the last event."""

    content: list[Block]
    stop_reason: str
    usage: Usage = Usage()


Event = Text | Retry | Reply


class Brain(Protocol):
    def stream(
        self, system: str, messages: list[Message], tools: list[dict[str, Any]]
    ) -> AsyncGenerator[Event, None]:
        """Raises ModelUnavailable."""
        ...
