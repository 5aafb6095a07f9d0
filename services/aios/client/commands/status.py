"""aios status: which doors are open, what runs behind them. Starts nothing on the host."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from aios import __version__
from aios.client import place
from aios.client.terminal import Terminal
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


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios status",
        description="The services' sockets and states, and the machines under aios. A service that"
        " nobody needs does not run: it is idle.",
        epilog="exit status: 0 everything can be reached; 1 something cannot.",
    )
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(arguments)
    found = _from_machine() if place.in_machine() else _from_host()
    healthy = all(service["state"] in ("idle", "running") for service in found["services"])
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _show(found)
    return 0 if healthy else 1


def _from_machine() -> dict[str, Any]:
    """The host's systemd is out of reach: the services themselves are asked."""
    services = []
    for service in SHOWN:
        state = "running"
        try:
            place.call(service, "org.varlink.service.GetInfo", {})
        except ClientError as error:
            state = f"out of reach: {error.message}"
        services.append({"service": service, "state": state})
    return {"version": __version__, "place": "machine", "services": services, "machines": []}


def _from_host() -> dict[str, Any]:
    from aios.client import system_bus

    with system_bus.connection() as bus:
        (units,) = system_bus.call(bus, *SYSTEMD, "ListUnitsByPatterns", "asas", ([], PATTERNS))
    states = {unit[0]: (str(unit[3]), str(unit[4])) for unit in units}
    services = [{"service": s, "state": _state(states, f"aios-{s}")} for s in SERVICES]
    machines = []
    for unit in sorted(states):
        if unit.startswith("aios-exec@") and unit.endswith(".socket"):
            machine = unit.removeprefix("aios-exec@").removesuffix(".socket")
            machines.append(
                {
                    "machine": machine,
                    "running": machine == ".host"
                    or states.get(f"systemd-nspawn@{machine}.service", ("",))[0] == "active",
                    "exec": _state(states, f"aios-exec@{machine}"),
                }
            )
    return {"version": __version__, "place": "host", "services": services, "machines": machines}


def _state(units: dict[str, tuple[str, str]], name: str) -> str:
    """running, idle (its socket listens), failed, or what systemd calls it."""
    service, _ = units.get(f"{name}.service", ("inactive", "dead"))
    socket, _ = units.get(f"{name}.socket", ("not there", ""))
    if socket != "active":
        return f"its socket is {socket}"
    if service == "failed":
        return "failed"
    return "running" if service in ("active", "activating") else "idle"


def _show(found: dict[str, Any]) -> None:
    terminal = Terminal()
    terminal.line(f"aios {found['version']} ({found['place']})", "bold")
    for service in found["services"]:
        good = service["state"] in ("idle", "running")
        terminal.line(f"  {'✓' if good else '✗'} {service['service']:<8} {service['state']}")
    for machine in found["machines"]:
        running = "runs" if machine["running"] else "does not run"
        mark = "✓" if machine["running"] else "·"
        terminal.line(f"  {mark} machine {machine['machine']}: {running}; exec {machine['exec']}")
