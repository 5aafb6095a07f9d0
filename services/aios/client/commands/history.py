"""aios history: commands that ran, as memory has them."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aios.client import place
from aios.client.terminal import Terminal, seconds


def main(name: str, arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    rows = place.look_up("memory", f"{place.MEMORY}.History", {"filter": _filter(given)})["rows"]
    if given.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    terminal = Terminal()
    if not rows:
        terminal.note("No such command was run.")
    for row in reversed(rows):
        _show(terminal, row)
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="aios history",
        description="Commands that were run through aios, in any machine, the newest last.",
        epilog="TIME: today, yesterday, 2026-01-31 or '2026-01-31 12:00', in local time.",
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="only those that contain it")
    parser.add_argument("-n", type=int, default=20, metavar="N", help="at most so many (20)")
    parser.add_argument("-m", "--machine", help="only in this machine")
    parser.add_argument("--since", type=moment, metavar="TIME")
    parser.add_argument("--until", type=moment, metavar="TIME", help="before that")
    parser.add_argument("--action", help="install, remove, upgrade, write, read …")
    parser.add_argument("--object", metavar="NAME", help="a package, unit or file")
    parser.add_argument("--failed", action="store_true", help="only what failed")
    parser.add_argument("--everyone", action="store_true", help="other people's too (aios-admin)")
    parser.add_argument("--json", action="store_true", help="a list of objects, newest first")
    return parser


def moment(text: str) -> str:
    """RFC 3339, from what a person writes."""
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    if text in ("today", "yesterday"):
        return (midnight - timedelta(days=text == "yesterday")).isoformat()
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError as error:
        raise ArgumentTypeError(f"no time: {text!r}") from error


def _filter(given: Namespace) -> dict[str, Any]:
    wanted: dict[str, Any] = {"limit": given.n}
    for key in ("machine", "since", "until", "action", "object"):
        if getattr(given, key):
            wanted[key] = getattr(given, key)
    if given.text:
        wanted["text"] = " ".join(given.text)
    if given.failed:
        wanted["outcome"] = "failed"
    if given.everyone:
        wanted["everyone"] = True
    return wanted


def _show(terminal: Terminal, row: dict[str, Any]) -> None:
    started = datetime.fromisoformat(row["started_at"]).astimezone()
    status = row.get("exit_status")
    mark = "?" if status is None else "✗" if status else "✓"
    about = [row.get("machine", ""), row.get("user", "")]
    if status:
        about.append(f"exit {status}")
    if row.get("duration_usec") is not None:
        about.append(seconds(row["duration_usec"]))
    command = " ".join(str(row["command"]).splitlines())
    terminal.line(f"{started:%Y-%m-%d %H:%M:%S}  {mark} {command}  ({', '.join(about)})")
