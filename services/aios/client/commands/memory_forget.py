"""aios memory forget."""

import sys
from typing import Any

from aios.client import place
from aios.client.commands.history import moment
from aios.client.consent import confirmed
from aios.client.terminal import Terminal
from aios.text import print_json

_EPILOG = """\
All that is given has to hold. TIME: today, yesterday, 2026-01-31 or '2026-01-31 12:00'. What is
forgotten is gone from the database, its free pages, its log and its backups. The record of
commands in the journal (aios log) is the administrator's, and stays.
"""


def add(actions: Any) -> None:
    forget = actions.add_parser(
        "forget",
        help="remove memories and commands for good",
        description="Removes memories and remembered commands for good: your own.",
        epilog=_EPILOG,
    )
    forget.add_argument("ids", nargs="*", metavar="ID")
    forget.add_argument("--query", metavar="TEXT", help="whose text contains it")
    forget.add_argument("--since", type=moment, metavar="TIME")
    forget.add_argument("--until", type=moment, metavar="TIME", help="before that")
    forget.add_argument("-m", "--machine", help="made, or run, in this machine")
    forget.add_argument("--session", metavar="ID")
    forget.add_argument("--user", metavar="NAME", help="another person's (root, aios-admin)")
    forget.add_argument("--everyone", action="store_true", help="everybody's (root, aios-admin)")
    forget.add_argument("--everything", action="store_true", help="whatever the rest leaves open")
    forget.add_argument(
        "--only", choices=("memories", "commands"), help="not what was run, or nothing else"
    )
    forget.add_argument("--dry-run", action="store_true", help="only say how many")
    forget.add_argument("--force", action="store_true", help="do not ask")
    forget.set_defaults(run=run, usage=forget.error)


def run(given: Any) -> int:
    wanted = _filter(given)
    if not wanted.keys() - {"everyone", "kinds"}:
        given.usage("forget what? --everything means all that is yours")
    found = _call({**wanted, "dry_run": True})
    if given.dry_run or not (found["memories"] or found["commands"]):
        return _tell(given, found, "would be forgotten")
    if not given.force and not confirmed(f"Forget {_count(found)} for good?"):
        print("Nothing was forgotten. Without a terminal: --force", file=sys.stderr)
        return 1
    return _tell(given, _call(wanted), "forgotten")


def _filter(given: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for key in ("ids", "query", "since", "until", "machine", "session", "user", "everyone",
                "everything"):  # fmt: skip
        if getattr(given, key):
            wanted[key] = getattr(given, key)
    if given.only:
        wanted["kinds"] = [given.only]
    return wanted


def _call(wanted: dict[str, Any]) -> dict[str, Any]:
    answer = place.call("memory", f"{place.MEMORY}.Forget", {"filter": wanted})
    return dict(answer["forgotten"])


def _count(found: dict[str, Any]) -> str:
    return f"{found['memories']} memories and {found['commands']} commands"


def _tell(given: Any, found: dict[str, Any], what: str) -> int:
    if given.json:
        print_json(found)
    else:
        terminal = Terminal()
        terminal.line(f"{_count(found)} {what}")
        if found["backups"]:
            terminal.note(f"{found['backups']} backups were written anew without them.")
        for left in found["left"]:
            terminal.note(f"It can still be in {left}.")
    return 0 if found["memories"] or found["commands"] else 1
