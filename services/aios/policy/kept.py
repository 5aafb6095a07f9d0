"""What policy keeps in files while the bus lives: one JSON object each, by its id.

Each says which bus it is of: after a boot, pids and unique names are other ones', and what was
bound to them is gone.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from aios.journal import log
from aios.policy import disk

Thing = TypeVar("Thing")


class Kept(Generic[Thing]):
    """`noun`: what they are, for the log. `make`: one of them from what was written; raises
    TypeError or KeyError for what is none."""

    def __init__(
        self, directory: Path, bus_id: str, noun: str, make: Callable[[dict[str, Any]], Thing]
    ) -> None:
        self._directory = disk.directory(directory)
        self._bus_id = bus_id
        self._noun = noun
        self._make = make

    def load(self) -> Iterator[Thing]:
        """Those of this bus, the oldest id first; others' files go."""
        for path in sorted(self._directory.glob("*.json")):
            try:
                data = json.loads(path.read_text())
                if data.pop("bus") != self._bus_id:
                    path.unlink()
                    continue
                found = self._make(data)
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.error(
                    f"a {self._noun}'s file cannot be read", file=str(path), reason=str(error)
                )
                continue
            yield found

    def write(self, identifier: str, content: Mapping[str, Any]) -> None:
        """On disk when it returns."""
        disk.write(self._path(identifier), json.dumps({**content, "bus": self._bus_id}))

    def remove(self, identifier: str) -> None:
        self._path(identifier).unlink(missing_ok=True)

    def _path(self, identifier: str) -> Path:
        return self._directory / f"{identifier}.json"
