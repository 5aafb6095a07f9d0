"""aios memory attachments, attach, detach."""

from typing import Any

from aios.client import place
from aios.client.consent import require
from aios.client.terminal import Terminal
from aios.text import print_json

_ACCESS = ("read-only", "socket", "none", "read-write")
_RISK = """\
read-write lets every program of root in {machine} write the database itself, as the original
aigpt does. It can damage it (two writers, with SQLite before 3.51.3), undo what others forgot,
and change what anybody remembers. aigpt in the machine needs no such thing. Do it?"""


def add(actions: Any) -> None:
    every = actions.add_parser("attachments", help="what each machine sees of the memory")
    every.set_defaults(run=_list)
    attach = actions.add_parser(
        "attach",
        help="let a machine see the memory",
        description="What a machine sees of the memory (root, aios-admin).",
    )
    attach.add_argument("machine", metavar="MACHINE")
    attach.add_argument(
        "--access",
        choices=_ACCESS,
        default=_ACCESS[0],
        help="read-only: the service, and the database to read (the default); socket: the service"
        " alone; none; read-write: for an original aigpt, at a risk",
    )
    attach.add_argument("--force", action="store_true", help="do not ask")
    attach.set_defaults(run=_attach)
    detach = actions.add_parser("detach", help="let a machine see nothing of it")
    detach.add_argument("machine", metavar="MACHINE")
    detach.set_defaults(run=_detach)


def _list(given: Any) -> int:
    found = place.look_up("memory", f"{place.MEMORY}.ListAttachments", {})["attachments"]
    if given.json:
        print_json(found)
        return 0
    terminal = Terminal()
    if not found:
        terminal.note("There is no machine.")
    for one in found:
        _show(terminal, one)
    return 0


def _show(terminal: Terminal, one: dict[str, Any]) -> None:
    force = one.get("in_force", "unknown" if one["running"] else "not running")
    terminal.line(f"{one['machine']:<16} wanted {one['wanted']:<11} in force {force}")
    if one.get("restart_needed"):
        terminal.note(f"{one['machine']} gets it when it is restarted: machinectl reboot or stop.")
    if one.get("problem"):
        terminal.note(str(one["problem"]))


def _attach(given: Any) -> int:
    if given.access == "read-write":
        require(_RISK.format(machine=given.machine), given=given.force, option="--force")
    options = {"access": given.access}
    return _set(given, "Attach", {"machine": given.machine, "options": options})


def _detach(given: Any) -> int:
    return _set(given, "Detach", {"machine": given.machine})


def _set(given: Any, method: str, parameters: dict[str, Any]) -> int:
    answer = place.call("memory", f"{place.MEMORY}.{method}", parameters)["attachment"]
    if given.json:
        print_json(answer)
    else:
        _show(Terminal(), answer)
    return 0
