"""aios machine create, clone, rename, remove."""

from argparse import BooleanOptionalAction
from pathlib import Path
from typing import Any

from aios.client import consent, place, steps
from aios.client.terminal import Terminal
from aios.client.varlink import ERROR_PREFIX, ClientError
from aios.text import print_json

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
    create.add_argument("--release", metavar="RELEASE", help="bookworm, noble, … (this host's)")
    create.add_argument(
        "--refresh", action="store_true",
        help="from packages of now (else from a tree of the cache, built anew once a week)",
    )  # fmt: skip
    create.add_argument(
        "--from", dest="source", metavar="MACHINE|FILE",
        help="a copy of that machine, or of a tar archive (a path with a / or a dot in it)",
    )  # fmt: skip
    settings(create)
    create.set_defaults(run=_create)
    clone = actions.add_parser(
        "clone",
        help="copy one",
        description="Copies a machine that does not run. The copy has an identity of its own.",
    )
    clone.add_argument("source", metavar="MACHINE")
    clone.add_argument("name", metavar="NAME")
    clone.set_defaults(run=_clone)
    rename = actions.add_parser(
        "rename",
        help="give one another name",
        description="Renames a machine that does not run. The record of its commands stays under"
        " its old name.",
    )
    rename.add_argument("name", metavar="NAME")
    rename.add_argument("new_name", metavar="NEW-NAME")
    rename.set_defaults(run=_rename)
    for action in (clone, rename):
        action.add_argument("--json", action="store_true", help="as `show` has it")
    remove = actions.add_parser(
        "remove",
        help="remove one with all that is in it",
        description="Removes a machine: its files, its settings, all that belongs to it but its"
        " snapshots, the record of its commands and what is remembered of them.",
    )
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.add_argument("--force", action="store_true", help="though it runs: kill it first")
    remove.set_defaults(run=_remove)


def settings(action: Any) -> None:
    """What a new machine's settings are made from."""
    action.add_argument(
        "--private-users", action=BooleanOptionalAction, default=None,
        help="its users are nobody on the host (the default)",
    )  # fmt: skip
    action.add_argument(
        "--network", choices=NETWORKS,
        help="its own (veth: the default where systemd-networkd runs), the host's, none",
    )  # fmt: skip
    action.add_argument("--json", action="store_true", help="the new one, as `show` has it")


def chosen(given: Any) -> dict[str, Any]:
    asked = {"private_users": given.private_users, "network": given.network}
    return {name: value for name, value in asked.items() if value is not None}


def _create(given: Any) -> int:
    if given.source and _is_file(given.source):
        from aios.client.commands import machine_files

        if given.distro or given.release or given.refresh:
            raise ClientError(
                ERROR_PREFIX + "InvalidOption", f"what is in {given.source} is what it is",
                "Without --distro, --release and --refresh?",
            )  # fmt: skip
        return machine_files.take(given, given.source, fresh=True)
    asked = {"distro": given.distro, "release": given.release, "from": given.source,
             "refresh": given.refresh or None}  # fmt: skip
    options = {name: value for name, value in asked.items() if value is not None}
    return _make(given, "Create", {"name": given.name, "options": options | chosen(given)})


def _is_file(source: str) -> bool:
    """A name without either is a machine's, whatever lies in this directory."""
    return "/" in source or ("." in source and Path(source).is_file())


def _clone(given: Any) -> int:
    return _make(given, "Clone", {"source": given.source, "name": given.name})


def _make(given: Any, method: str, parameters: dict[str, Any]) -> int:
    terminal = Terminal()
    return told(given, steps.call(method, parameters, terminal)["machine"], terminal)


def told(given: Any, made: dict[str, Any], terminal: Terminal) -> int:
    if given.json:
        print_json(made)
        return 0
    terminal.line(f"{made['name']} is there: {made['os'] or 'unknown system'}")
    if "stale" in made:
        terminal.note(f"Its system is {made['stale']}", "yellow")
    for lack in made["missing"]:
        terminal.note(f"It lacks {lack['what']}: {lack['why']}.")
    terminal.note(f"aios machine start {made['name']}")
    return 0


def _rename(given: Any) -> int:
    terminal = Terminal()
    parameters = {"name": given.name, "new_name": given.new_name}
    answer = steps.call("Rename", parameters, terminal)
    if given.json:
        print_json(answer)
        return 0
    terminal.line(f"{given.name} is {given.new_name} now")
    _mention(terminal, given.name, answer["mentions"])
    return 0


def _remove(given: Any) -> int:
    consent.require(
        f"Remove {given.name} with all that is in it, for good?", given=given.yes, option="--yes"
    )
    terminal = Terminal()
    parameters = {"name": given.name, "options": {"force": given.force}}
    answer = steps.call("Remove", parameters, terminal)
    terminal.line(f"{given.name} is gone")
    _mention(terminal, given.name, answer["mentions"])
    asked = {"name": given.name}
    if place.look_up("machines", f"{place.MACHINE}.ListSnapshots", asked)["snapshots"]:
        terminal.note(f"Its snapshots stay: aios machine restore {given.name} makes it again.")
    return 0


def _mention(terminal: Terminal, name: str, places: list[str]) -> None:
    for one in places:
        terminal.note(f"{one} still names {name}.")
