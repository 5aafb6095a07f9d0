"""Services and machines, as systemd has them."""

from typing import Any

from aios.client import place, system_bus
from aios.client.varlink import ClientError

SHOWN = ("chat", "policy", "memory")
"""Machines see these."""
SERVICES = (*SHOWN, "machine")
SYSTEMD = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)
PATTERNS = ["aios-*.service", "aios-*.socket", "systemd-nspawn@*.service"]


def from_machine() -> list[dict[str, Any]]:
    """The host's systemd is out of reach: the services themselves are asked."""
    services = []
    for service in SHOWN:
        state = "running"
        try:
            place.call(service, "org.varlink.service.GetInfo", {})
        except ClientError as error:
            state = f"out of reach: {error.message}"
        services.append({"service": service, "state": state})
    return services


def from_host(bus: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Services, machines."""
    (units,) = system_bus.call(bus, *SYSTEMD, "ListUnitsByPatterns", "asas", ([], PATTERNS))
    states = {unit[0]: str(unit[3]) for unit in units}
    services = [{"service": s, "state": _state(states, f"aios-{s}")} for s in SERVICES]
    machines = []
    for unit in sorted(states):
        if unit.startswith("aios-exec@") and unit.endswith(".socket"):
            machine = unit.removeprefix("aios-exec@").removesuffix(".socket")
            nspawn = states.get(f"systemd-nspawn@{machine}.service", "")
            running = machine == ".host" or nspawn == "active"
            exec_state = _state(states, f"aios-exec@{machine}")
            machines.append({"machine": machine, "running": running, "exec": exec_state})
    return services, machines


def _state(units: dict[str, str], name: str) -> str:
    """running, idle (its socket listens), failed, or what systemd calls it."""
    service = units.get(f"{name}.service", "inactive")
    socket = units.get(f"{name}.socket", "not there")
    if socket != "active":
        return f"its socket is {socket}"
    if service == "failed":
        return "failed"
    return "running" if service in ("active", "activating") else "idle"
