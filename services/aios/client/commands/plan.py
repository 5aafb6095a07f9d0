"""aios plan: the command that a sentence would become; nothing is run."""

import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any

from aios.client import place
from aios.client.governed import Delegation
from aios.client.terminal import Terminal
from aios.client.varlink import ERROR_PREFIX, ClientError, Connection
from aios.text import print_json

ABSTAINED = 4
PACKAGE = "aios.chat"
TOOL = f"{PACKAGE}.offline"
_SESSION = "plan"
EPILOG = """\
With the service, names of packages and units are looked up in the machine. --batch and --distro
need neither service nor machine: --batch answers JSON lines {"id", "nl"} on standard input with
{"id", "cmd", "did_you_mean", "ms"}, in order; cmd is null when nothing would be done.

exit status: 0 a command is proposed; 2 the arguments or a line are wrong; 4 there is none;
125 aios itself failed.
"""


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios plan",
        description="The command that PROMPT would become. Nothing is run.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        usage="aios plan [-m MACHINE] [--brain BRAIN] [--json] PROMPT\n"
        "       aios plan --batch [--distro NAME]",
        allow_abbrev=False,
    )
    parser.add_argument("-m", "--machine", help="default: aios, or this machine")
    parser.add_argument("--brain", choices=("offline",), default="offline", help="rules, no model")
    parser.add_argument("--distro", choices=("debian", "arch", "fedora"), help="default: this one")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--batch", action="store_true", help="many prompts, as JSON lines")
    parser.add_argument("words", nargs="*", metavar="PROMPT")
    given = parser.parse_args(arguments)
    if given.batch == bool(given.words):
        parser.error("--batch reads prompts from standard input" if given.batch else "no PROMPT")
    if given.batch or given.distro or not _service():
        return _by_library(given)
    return _show(_asked(given), as_object=given.json)


def _service() -> bool:
    return os.path.exists(place.socket_path("chat"))  # noqa: PTH110 - pathlib takes longer to load


def _by_library(given: Namespace) -> int:
    from aios.client import engine

    if given.machine:
        place.require_host("what needs no service", "without -m, it is about this distribution")
    arguments = [*(("--batch",) if given.batch else ()), *(("--json",) if given.json else ())]
    if given.distro:
        arguments += ["--distro", given.distro]
    words = ["--", " ".join(given.words)] if given.words else []
    return engine.run([*arguments, *words], package=PACKAGE, module=TOOL)


def _asked(given: Namespace) -> dict[str, Any]:
    machine = given.machine or place.default_machine()
    with Delegation(_SESSION, machine) as delegation, Connection(place.socket_path("chat")) as chat:
        answer = chat.call(
            f"{place.CHAT}.Plan",
            {
                "machine": delegation.machine,
                "prompt": " ".join(given.words),
                "options": {"delegation": delegation.id, "brain": given.brain},
            },
        )
    plan = answer["plan"]
    if not isinstance(plan, dict):
        raise ClientError(ERROR_PREFIX + "Internal", f"chat answers {plan!r}")
    return plan


def _show(plan: dict[str, Any], *, as_object: bool) -> int:
    command = str(plan.get("command", ""))
    if as_object:
        print_json(plan)
        return 0 if command else ABSTAINED
    terminal = Terminal()
    if command:
        terminal.line(command)
        terminal.note(str(plan.get("why", "")))
    else:
        terminal.note(str(plan.get("reason", "")))
        for number, suggestion in enumerate(plan.get("suggestions", ())):
            terminal.note(("Did you mean:\n" if number == 0 else "") + f"  {suggestion}")
    if plan.get("unverified"):
        terminal.note(f"unverified, no list to look in: {', '.join(plan['unverified'])}")
    return 0 if command else ABSTAINED
