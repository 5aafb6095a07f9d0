"""aios policy check: a question without effect."""

import json
import shlex
from argparse import REMAINDER, SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence

from aios.client import place
from aios.client.terminal import Terminal
from aios.client.varlink import DENIED, ERROR_PREFIX, ClientError

_STATUS = {"auto_allow": 0, "notify": 0, "require_approval": 1, "deny": DENIED}
_STYLE = {0: "green", 1: "yellow", DENIED: "red"}
_LINES = ("command", "rule", "reason", "normalized", "profile", "fault")
EPILOG = """\
exit status: 0 it would run (auto_allow, notify); 1 it needs approval; 126 it is denied;
125 aios itself failed.
"""


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios policy",
        description="What would be decided about a command, for you, and why.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        usage="aios policy check [-m MACHINE] [--json] [--] COMMAND…",
    )
    parser.set_defaults(machine=None, json=False)
    _common(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="check")
    check = actions.add_parser("check", usage=parser.usage, epilog=EPILOG)
    _common(check)
    check.add_argument("command", nargs=REMAINDER, metavar="COMMAND")
    given = parser.parse_args(arguments)
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not words:
        check.error("no COMMAND")
    command = words[0] if len(words) == 1 else shlex.join(words)
    machine = given.machine or place.default_machine()
    answer = place.look_up(
        "policy", f"{place.POLICY}.Check", {"command": command, "machine": machine}
    )
    decision, why = str(answer["decision"]), answer["why"]
    if decision not in _STATUS:
        raise ClientError(ERROR_PREFIX + "Internal", f"policy answers {decision!r}")
    status = _STATUS[decision]
    if given.json:
        print(json.dumps({"decision": decision, **why}, ensure_ascii=False))
        return status
    terminal = Terminal()
    terminal.line(decision, _STYLE[status])
    for key in _LINES:
        if why.get(key):
            terminal.line(f"  {key:<10}  {why[key]}")
    return status


def _common(parser: ArgumentParser) -> None:
    """Before `check` as well as after it; what is absent there does not undo what was given
    here."""
    parser.add_argument("-m", "--machine", default=SUPPRESS, help="default: aios, or this machine")
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="one object")
