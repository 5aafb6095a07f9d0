"""aios machine create, clone."""

import json
from argparse import BooleanOptionalAction
from typing import Any

from aios.client import steps
from aios.client.terminal import Terminal

DISTRIBUTIONS = ("debian", "ubuntu", "arch", "fedora")
NETWORKS = ("veth", "host", "none")


def add(actions: Any) -> None:
    create = actions.add_parser(
        "create",
        help="make one",
        description="Makes a machine: a system of its own with user ai, under aios. It does not"
        " start yet.",
    )
    create.add_argument("name", metavar="NAME")
    create.add_argument("--distro", choices=DISTRIBUTIONS, help="(this host's)")
    create.add_argument("--release", metavar="NAME", help="bookworm, noble, … (this host's)")
    create.add_argument("--from", dest="source", metavar="MACHINE", help="a copy of that one")
    create.add_argument(
        "--private-users", action=BooleanOptionalAction, default=True,
        help="its users are nobody on the host (the default)",
    )  # fmt: skip
    create.add_argument(
        "--network", choices=NETWORKS,
        help="its own (veth: the default where systemd-networkd runs), the host's, none",
    )  # fmt: skip
    create.set_defaults(run=_create)
    clone = actions.add_parser(
        "clone", help="copy one", description="Copies a machine that does not run."
    )
    clone.add_argument("source", metavar="MACHINE")
    clone.add_argument("name", metavar="NAME")
    clone.set_defaults(run=_clone)
    for action in (create, clone):
        action.add_argument("--json", action="store_true", help="the new one, as `show` has it")


def _create(given: Any) -> int:
    asked = {"distro": given.distro, "release": given.release, "from": given.source,
             "network": given.network, "private_users": given.private_users}  # fmt: skip
    options = {name: value for name, value in asked.items() if value is not None}
    return _make(given, "Create", {"name": given.name, "options": options})


def _clone(given: Any) -> int:
    return _make(given, "Clone", {"source": given.source, "name": given.name})


def _make(given: Any, method: str, parameters: dict[str, Any]) -> int:
    terminal = Terminal()
    made = steps.call(method, parameters, terminal)["machine"]
    if given.json:
        print(json.dumps(made, ensure_ascii=False))
        return 0
    terminal.line(f"{made['name']} is there: {made['os']}")
    terminal.note(f"aios machine start {made['name']}")
    return 0
