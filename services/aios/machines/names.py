"""Machines that something is being done with: one thing at a time with each."""

import contextlib
from collections.abc import Iterator

from aios.errors import Busy


class Names:
    def __init__(self) -> None:
        self._taken: set[str] = set()

    @contextlib.contextmanager
    def taken(self, *names: str) -> Iterator[None]:
        """Raises Busy."""
        for name in names:
            if name in self._taken:
                raise Busy(f"something is being done with {name}", hint="try again when it is over")
        wanted = set(names)
        self._taken |= wanted
        try:
            yield
        finally:
            self._taken -= wanted
