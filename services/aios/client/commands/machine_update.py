"""aios machine update: a snapshot, then the distribution's own upgrade, governed."""

from typing import Any

from aios.client import own_rules, place, steps
from aios.client.commands import exec as execute
from aios.client.terminal import Terminal
from aios.client.varlink import ERROR_PREFIX, ClientError

# What the offline brain says to "upgrade everything", too.
COMMANDS = {
    "debian": "apt-get update && apt-get upgrade -y",
    "arch": "pacman -Syu --noconfirm",
    "fedora": "dnf upgrade -y",
}
SNAPSHOT = "before-update"
_KEEP = 3


def add(actions: Any) -> None:
    update = actions.add_parser(
        "update",
        help="upgrade its packages, after a snapshot",
        description="Keeps what a running machine is now (a snapshot, before-update, for which it"
        " waits a moment), then upgrades its packages by the distribution's own command: policy"
        " decides about it as about any other.",
        epilog="exit status: that of `aios exec`; 125 also where there is no snapshot, and nothing"
        " was upgraded then.",
    )
    update.add_argument("name", metavar="NAME")
    update.add_argument(
        "--keep", type=int, default=_KEEP, metavar="N",
        help=f"of these snapshots the N newest stay ({_KEEP})",
    )  # fmt: skip
    update.add_argument("--no-snapshot", action="store_true", help="only upgrade")
    update.set_defaults(run=_update)


def _update(given: Any) -> int:
    name = given.name
    place.require_host("`aios machine`", "Machines are made and started from there.")
    one = place.look_up("machines", f"{place.MACHINE}.Get", {"name": name})["machine"]
    command = COMMANDS.get(one.get("family", ""))
    if command is None:
        raise ClientError(
            ERROR_PREFIX + "Unavailable",
            f"how {one.get('os') or 'an unknown system'} is upgraded is not known",
            f"aios exec -m {name} -- COMMAND does it; before it, aios machine snapshot {name}",
        )
    if one["state"] != "running":
        raise ClientError(
            ERROR_PREFIX + "Unavailable", f"{name} does not run", f"aios machine start {name}"
        )
    if not given.no_snapshot:
        _keep(name, given.keep)
    own_rules.hand_over()
    return execute.main("exec", ["-m", name, "--", command])


def _keep(name: str, keep: int) -> None:
    terminal = Terminal()
    options = {"name": SNAPSHOT, "freeze": True, "keep": keep}
    made = steps.call("Snapshot", {"name": name, "options": options}, terminal)["snapshot"]
    terminal.note(f"What it was: aios machine restore {name} {made['id']} --stop")
