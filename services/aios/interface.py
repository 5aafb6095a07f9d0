"""What bus.py and varlink.py serve: an object whose methods are named as its XML says."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aios import contract
from aios.caller import Caller

EmitSignal = Callable[["Interface", str, str, tuple[Any, ...], str | None], None]
SendEvent = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(eq=False)
class Call:
    """One call in progress. It is cancelled (asyncio) when its peer's connection goes."""

    caller: Caller
    object_id: str = ""
    """Last element of the path, for interfaces with CHILDREN."""
    event: SendEvent | None = None
    """Sends one reply before the last; None where the peer did not ask for more (Varlink)."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the peer's connection goes."""


class Interface:
    """Methods are `async def Name(self, call, *inputs)` and return the output, or a tuple of
    several. Values are plain Python: `a{sv}` is a dict. Errors are AiosErrors."""

    NAME: ClassVar[str]
    PATH: ClassVar[str]
    CHILDREN: ClassVar[bool] = False
    """Served on PATH/ID for every id that `has` knows, instead of on PATH."""
    OBJECTS: ClassVar[str] = ""
    """Where an output of type `o` lives: the id that a method returns is put behind it."""

    def __init__(self) -> None:
        self.contract = contract.load(self.NAME)
        self.emitters: list[EmitSignal] = []

    def has(self, object_id: str) -> bool:
        """Whether there is such a child (with CHILDREN)."""
        raise LookupError(object_id)

    def emit(self, signal: str, *args: Any, object_id: str = "", to: str | None = None) -> None:
        """To everybody whom the bus's policy lets hear it, or to one unique name."""
        for emitter in self.emitters:
            emitter(self, object_id, signal, args, to)

    def method(self, name: str) -> Callable[..., Awaitable[Any]]:
        found: Callable[..., Awaitable[Any]] = getattr(self, name)
        return found
