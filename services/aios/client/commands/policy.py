"""aios policy: what would be decided about a command, and why; and the policy itself."""

import shlex
from argparse import REMAINDER, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence

from aios.client import own_rules, place
from aios.client.terminal import Terminal
from aios.client.varlink import DENIED, ERROR_PREFIX, ClientError
from aios.text import print_json

ACTIONS = {
    "check": "what would be decided about COMMAND, for you",
    "explain": "COMMAND as a tree, with what decides about each part",
    "cat": "the policy in force, each rule with its FILE:LINE",
    "test": "the policy's self-tests, and files with cases",
    "suggest": "rules for what was approved often, from the audit",
    "diff": "what differs between two files of rules",
    "hook": "answers Claude Code's PreToolUse hook: hook claude-code",
}
_STATUS = {"auto_allow": 0, "notify": 0, "require_approval": 1, "deny": DENIED}
_STYLE = {0: "green", 1: "yellow", DENIED: "red"}
_LINES = ("command", "rule", "reason", "normalized", "profile", "fault")
EPILOG = """\
actions:
{actions}

`aios policy ACTION --help` says more. In machines there are check and hook alone.

exit status of check: 0 it would run (auto_allow, notify); 1 it needs approval; 126 it is denied;
125 aios itself failed.
"""
CHECK_EPILOG = """\
With --batch, --config and -u it is answered without the service, from files: --batch answers JSON
lines {"id", "command", "machine"?, "user"?} on standard input with {"id", "decision", "rule",
"why"}, in order, or {"id", "error"}, and ends with 2 then.

exit status: 0 it would run (auto_allow, notify); 1 it needs approval; 126 it is denied;
125 aios itself failed.
"""


def main(name: str, arguments: Sequence[str]) -> int:
    front, action, rest = _split(list(arguments))
    if action not in ACTIONS:
        return _overview(arguments, action)
    if action == "hook":
        from aios.client import hook

        return hook.main([*front, *rest])
    if action == "check":
        return _check([*front, *rest])
    from aios.client import engine

    return engine.run([action, *front, *rest])


def _split(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    """Options may come before the action as well."""
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        place += 2 if arguments[place] in ("-m", "--machine") else 1
    return arguments[:place], "".join(arguments[place : place + 1]), arguments[place + 1 :]


def _overview(arguments: Sequence[str], action: str) -> int:
    actions = "\n".join(f"  {name:<8} {what}" for name, what in ACTIONS.items())
    parser = ArgumentParser(
        prog="aios policy",
        description="What would be decided about a command, and why; and the policy itself.",
        epilog=EPILOG.format(actions=actions),
        formatter_class=RawDescriptionHelpFormatter,
        usage="aios policy ACTION …",
    )
    parser.add_argument("-m", "--machine", help="default: aios, or this machine")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.parse_known_args(arguments)
    parser.error(f"no action {action!r}" if action else f"an ACTION: {', '.join(ACTIONS)}")


def _check(arguments: list[str]) -> int:
    parser = ArgumentParser(
        prog="aios policy check",
        description="What would be decided about a command, for you, and why.",
        epilog=CHECK_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        usage="aios policy check [-m MACHINE] [-u USER] [--json] [--config FILE] [--] COMMAND…\n"
        "       aios policy check --batch [-m MACHINE] [--config FILE]",
        allow_abbrev=False,
    )
    parser.add_argument("-m", "--machine", help="default: aios, or this machine")
    parser.add_argument("-u", "--user", help="for another user; for root and aios-admin only")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--batch", action="store_true", help="many commands, as JSON lines")
    parser.add_argument("--config", metavar="FILE", help="this file is the only configuration")
    parser.add_argument("command", nargs=REMAINDER, metavar="COMMAND")
    given = parser.parse_args(arguments)
    if given.batch or given.config is not None or given.user is not None:
        from aios.client import engine

        return engine.run(["check", *arguments])
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not words:
        parser.error("no COMMAND")
    command = words[0] if len(words) == 1 else shlex.join(words)
    return _ask(command, given.machine or place.default_machine(), as_object=given.json)


def _ask(command: str, machine: str, *, as_object: bool) -> int:
    own_rules.hand_over()
    answer = place.look_up(
        "policy", f"{place.POLICY}.Check", {"command": command, "machine": machine}
    )
    decision, why = str(answer["decision"]), answer["why"]
    if decision not in _STATUS:
        raise ClientError(ERROR_PREFIX + "Internal", f"policy answers {decision!r}")
    status = _STATUS[decision]
    if as_object:
        print_json({"decision": decision, **why})
        return status
    terminal = Terminal()
    terminal.line(decision, _STYLE[status])
    for key in _LINES:
        if why.get(key):
            terminal.line(f"  {key:<10}  {why[key]}")
    return status
