"""What bus.py and varlink.py serve: an object whose methods are named as its XML says."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
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
    """One for all calls of a peer's connection; set when that goes, be it after the call."""


class Interface:
    """Methods are `async def Name(self, call, *inputs)` and return the output, or a tuple of
    several. Values are plain Python: `a{sv}` is a dict, `h` a descriptor that is given away. Errors
    are AiosErrors."""

    NAME: ClassVar[str]
    PATH: ClassVar[str]
    CHILDREN: ClassVar[bool] = False
    """Served on PATH/ID for every id that `has` knows, instead of on PATH."""
    OBJECTS: ClassVar[str] = ""
    """Where outputs and properties of type `o` and `ao` live: their ids are put behind it."""

    def __init__(self) -> None:
        self.contract = contract.load(self.NAME)
        self.emitters: list[EmitSignal] = []

    def has(self, object_id: str, caller: Caller) -> bool:
        """Whether there is such a child (with CHILDREN) for all that this caller may know."""
        raise LookupError(object_id)

    def children(self, caller: Caller) -> Iterable[str]:
        """Those that introspection names to this caller."""
        return ()

    async def property(self, call: Call, name: str) -> Any:
        """What this caller may see of it; with CHILDREN, that child's."""
        return getattr(self, name)

    def emit(self, signal: str, *args: Any, object_id: str = "", to: str | None = None) -> None:
        """To everybody whom the bus's policy lets hear it, or to one unique name."""
        for emitter in self.emitters:
            emitter(self, object_id, signal, args, to)

    def method(self, name: str) -> Callable[..., Awaitable[Any]]:
        found: Callable[..., Awaitable[Any]] = getattr(self, name)
        return found
