"""A call to aios-machine that may take long: what it does meanwhile is shown, Ctrl-C takes it
back."""

import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aios.client import place, system_bus
from aios.client.terminal import Terminal
from aios.client.varlink import Connection

_LOOK_SECONDS = 1.0
_SOON_SECONDS = 2.0
"""What is over by then needs no clock."""


@contextmanager
def connection() -> Iterator[Connection]:
    """polkit may ask on this terminal who we are."""
    place.require_host("`aios machine`", "Machines are made and started from there.")
    with system_bus.authentication_agent(), place.connect("machines") as opened:
        yield opened


def call(
    method: str, parameters: Mapping[str, Any], terminal: Terminal, *, on: Connection | None = None
) -> dict[str, Any]:
    if on is not None:
        return _call(on, method, parameters, terminal)
    with connection() as opened:
        return _call(opened, method, parameters, terminal)


def _call(
    connection: Connection, method: str, parameters: Mapping[str, Any], terminal: Terminal
) -> dict[str, Any]:
    connection.send(f"{place.MACHINE}.{method}", parameters, more=True)
    began, step = time.monotonic(), ""
    while True:
        readable, _, _ = select.select([connection], [], [], _LOOK_SECONDS)
        for reply in connection.pull() if readable else ():
            if not reply.continues:
                terminal.fresh_line()
                return reply.parameters
            step = str(reply.parameters.get("step", ""))
        if step:
            passed = time.monotonic() - began
            clock = f" ({passed:.0f} s)" if passed > _SOON_SECONDS else ""
            terminal.passing(f"{step}…{clock}")
