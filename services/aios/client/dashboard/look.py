"""All of it at one moment."""

from pathlib import Path
from typing import Any

from aios import __version__
from aios.client import system_bus
from aios.client.dashboard import record, units
from aios.client.varlink import ClientError

DATABASE = Path("/var/lib/aios/memory/memory.db")


def from_machine() -> dict[str, Any]:
    return {
        "version": __version__, "place": "machine", "services": units.from_machine(),
        "machines": [],
    }  # fmt: skip


def from_host() -> dict[str, Any]:
    with system_bus.connection() as bus:
        return _host(bus, _record())


def _host(bus: Any, known: dict[str, Any]) -> dict[str, Any]:
    services, machines = units.from_host(bus)
    memory = _memory()
    return {
        "version": __version__, "place": "host", "services": services, "machines": machines,
        **known, **({"memory": memory} if memory else {}),
    }  # fmt: skip


def _record() -> dict[str, Any]:
    try:
        return record.look()
    except ClientError as error:
        return {"unseen": [f"commands and what waits: {error.message}"]}


def _memory() -> dict[str, int]:
    """Nothing where it is not there, or not to be seen."""
    try:
        return {"bytes": DATABASE.stat().st_size}
    except OSError:
        return {}


def healthy(found: dict[str, Any]) -> bool:
    return all(service["state"] in ("idle", "running") for service in found["services"])


class Looking:
    """Again and again, over one connection; the record only when it has changed."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self._known = _record()

    def again(self, *, changed: bool) -> dict[str, Any]:
        if changed:
            self._known = _record()
        return _host(self._bus, self._known)
