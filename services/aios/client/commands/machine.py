"""aios machine: the machines of this host."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from aios.client import place, steps
from aios.client.commands import (
    machine_enter,
    machine_files,
    machine_make,
    machine_snapshots,
    machine_update,
)
from aios.client.terminal import Terminal
from aios.text import print_json

EPILOG = "exit status: 0 done; 1 not confirmed; 125 it failed, and nothing half-made is left."


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios machine",
        description="Machines: systemd-nspawn containers under aios. machinectl and `systemctl"
        " start systemd-nspawn@NAME` work on the same ones.",
        epilog=EPILOG,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    every = actions.add_parser("list", help="the machines there are")
    every.set_defaults(run=_list)
    show = actions.add_parser("show", help="one of them, and what it lacks")
    show.set_defaults(run=_show)
    start = actions.add_parser("start", help="boot it")
    start.set_defaults(run=_start)
    stop = actions.add_parser("stop", help="shut it down, and wait until it is")
    stop.add_argument("--force", action="store_true", help="kill it")
    stop.set_defaults(run=_stop)
    restart = actions.add_parser("restart", help="the one after the other")
    restart.set_defaults(run=_restart)
    for action in (show, start, stop, restart):
        action.add_argument("name", metavar="NAME")
    for action in (every, show):
        action.add_argument("--json", action="store_true", help="as the service answers")
    for part in (machine_make, machine_files, machine_snapshots, machine_update, machine_enter):
        part.add(actions)
    given = parser.parse_args(arguments)
    status: int = given.run(given)
    return status


def look_up(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    place.require_host("`aios machine`", "Machines are made and started from there.")
    return place.look_up("machines", f"{place.MACHINE}.{method}", parameters)


def _list(given: Any) -> int:
    machines = look_up("List", {})["machines"]
    if given.json:
        print_json(machines)
        return 0
    terminal = Terminal()
    if not machines:
        terminal.note("There is no machine: aios machine create NAME makes one.")
    width = max((len(one["name"]) for one in machines), default=0)
    for one in machines:
        where = ", ".join(one["addresses"])
        about = [one["os"] or "unknown system", where, f"memory {one['memory']}"]
        if one["governed"] not in ("yes", "from its next start"):
            about.append(f"governed: {one['governed']}")
        said = "; ".join(filter(None, about))
        terminal.line(f"{one['name']:<{width}}  {one['state']:<8}  {said}")
    return 0


def _show(given: Any) -> int:
    one = look_up("Get", {"name": given.name})["machine"]
    if given.json:
        print_json(one)
        return 0
    terminal = Terminal()
    for name, value in one.items():
        if name != "missing" and value not in ("", []):
            said = ", ".join(map(str, value)) if isinstance(value, list) else _said(name, value)
            terminal.line(f"{name.replace('_usec', '').replace('_', ' ')}: {said}")
    for lack in one["missing"]:
        terminal.line(f"missing: {lack['what']} ({lack['why']})", "yellow")
    return 0


def _said(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_usec"):
        from datetime import datetime

        return datetime.fromtimestamp(value / 1_000_000).astimezone().isoformat(" ", "seconds")
    return str(value)


def _start(given: Any) -> int:
    steps.call("Start", {"name": given.name}, Terminal())
    return 0


def _stop(given: Any) -> int:
    parameters = {"name": given.name, "options": {"force": given.force}}
    steps.call("Stop", parameters, Terminal())
    return 0


def _restart(given: Any) -> int:
    steps.call("Restart", {"name": given.name}, Terminal())
    return 0
