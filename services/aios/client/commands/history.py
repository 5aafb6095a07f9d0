"""aios history: commands that ran, as memory has them; what was asked for in a sentence."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aios.client import place
from aios.client.terminal import Terminal, seconds
from aios.memory import questions, zones
from aios.text import print_json, visible

_NARROWER = ("machine", "since", "until", "action", "object", "outcome", "session")


def main(name: str, arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    wanted = _filter(given)
    rows = place.look_up("memory", f"{place.MEMORY}.History", {"filter": wanted})["rows"]
    if given.json:
        print_json(rows)
        return 0
    terminal = Terminal()
    if not rows:
        terminal.note("No such command was run.")
        return 0
    rows.sort(key=lambda row: (row["started_at"], row["id"]))
    if terminal.out.isatty():
        _timeline(terminal, rows)
    else:
        for row in rows:
            _line(terminal, row)
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="aios history",
        description="Commands that were run through aios, in any machine, the newest last.",
        epilog="QUESTION: what did I install in aios-dev last week; which commands failed"
        " yesterday; when did I last restart nginx. Other words: only commands that contain them."
        "\nTIME: today, yesterday, 2026-01-31 or '2026-01-31 12:00', in local time.",
    )
    parser.add_argument("text", nargs="*", metavar="QUESTION", help="in a sentence, or a text")
    parser.add_argument(
        "-n", "--limit", type=int, default=20, metavar="N", help="at most so many (20)"
    )
    parser.add_argument("-m", "--machine", help="only in this machine")
    parser.add_argument("--since", type=moment, metavar="TIME")
    parser.add_argument("--until", type=moment, metavar="TIME", help="before that")
    parser.add_argument(
        "--action", help="install, remove, upgrade, service, config, network, git, read …"
    )
    parser.add_argument("--object", metavar="NAME", help="a package, unit, file or user")
    parser.add_argument("--outcome", choices=("ok", "failed"))
    parser.add_argument(
        "--failed", action="store_const", const="failed", dest="outcome", help="only what failed"
    )
    parser.add_argument("--session", metavar="ID", help="only in this conversation")
    parser.add_argument("--everyone", action="store_true", help="other people's too (aios-admin)")
    parser.add_argument("--json", action="store_true", help="a list of objects, best first")
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
    """A sentence is asked as it is; what is no question, or stands beside options that narrow,
    is a text that commands contain."""
    wanted: dict[str, Any] = {"limit": given.limit}
    for key in _NARROWER:
        if getattr(given, key):
            wanted[key] = getattr(given, key)
    if given.everyone:
        wanted["everyone"] = True
    text = " ".join(given.text)
    narrowed = any(key in wanted for key in _NARROWER if key != "session")
    if text and not narrowed and questions.read(text, datetime.now(UTC), zones.local()):
        return wanted | {"question": text, "zone": zones.name()}
    return wanted | ({"text": text} if text else {})


def _started(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["started_at"]).astimezone(zones.local())


def _mark(row: dict[str, Any]) -> str:
    status = row.get("exit_status")
    return "?" if status is None else "✗" if status else "✓"


def _about(row: dict[str, Any]) -> list[str]:
    about = [row["user"]] if row.get("user") else []
    if row.get("exit_status"):
        about.append(f"exit {row['exit_status']}")
    if row.get("duration_usec") is not None:
        about.append(seconds(row["duration_usec"]))
    return [*about, row["id"]]


def _line(terminal: Terminal, row: dict[str, Any]) -> None:
    command = " ".join(str(row["command"]).splitlines())
    about = ", ".join([row.get("machine", ""), *_about(row)])
    terminal.line(f"{_started(row):%Y-%m-%d %H:%M:%S}  {_mark(row)} {command}  ({about})")


def _timeline(terminal: Terminal, rows: Sequence[dict[str, Any]]) -> None:
    today = datetime.now(zones.local()).date()
    wide = max(len(str(row.get("machine", ""))) for row in rows)
    day = None
    for row in rows:
        started = _started(row)
        if started.date() != day:
            day = started.date()
            near = {0: "Today, ", 1: "Yesterday, "}.get((today - day).days, "")
            terminal.line(f"{near}{started:%A} {started.day} {started:%B %Y}", "bold")
        style = {"✗": "red", "?": "yellow"}.get(_mark(row), "")
        command = " ".join(str(row["command"]).splitlines())
        machine = str(row.get("machine", "")).ljust(wide)
        terminal.line(f"  {started:%H:%M}  {machine}  {_mark(row)} {command}", style)
        aside = f"“{visible(row['words'])}”  " if row.get("words") else ""
        terminal.line(f"         {' ' * wide}    {aside}{', '.join(_about(row))}", "dim")
