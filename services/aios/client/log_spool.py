"""Commands are found from the newest to the oldest, and told the other way round. Many are kept in
a file meanwhile: those of a million records take more memory than a small machine has.
"""

import json
import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

from aios.client.log_rows import Command

FEW = 1000
DIRECTORY = "/var/tmp"  # noqa: S108 - TemporaryFile leaves nothing there that has a name
"""Not /tmp: where that is a tmpfs, it is memory."""


def about(command: Command) -> dict[str, Any]:
    return {"id": command.id, **command.fields, "events": command.events[::-1]}


def turned(commands: Iterable[Command]) -> Iterator[Command]:
    """The last first. Raises OSError."""
    rest = iter(commands)
    # They need no file: a full disk is looked into as well.
    few = list(islice(rest, FEW))
    if len(few) == FEW:
        yield from _by_file(rest)
    yield from few[::-1]


def _by_file(commands: Iterable[Command]) -> Iterator[Command]:
    places = array("Q", [0])
    with TemporaryFile(dir=DIRECTORY) as file:
        for command in commands:
            line = json.dumps([command.id, command.fields, command.events]).encode()
            file.write(line)
            places.append(places[-1] + len(line))
        file.flush()
        for number in range(len(places) - 2, -1, -1):
            begin = places[number]
            yield Command(*json.loads(os.pread(file.fileno(), places[number + 1] - begin, begin)))
