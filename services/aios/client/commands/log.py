"""aios log: the audit, from the journal."""

import re
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from itertools import islice

from aios.client import log_rows, log_spool, log_table, place
from aios.client.log_rows import DECISIONS, Wanted, require_right_to_read
from aios.client.terminal import Terminal
from aios.text import print_json

EPILOG = """\
`aios log show ID` tells all of one command, `stats` counts them, `verify` checks that no record was
removed, changed, reordered or forged, `export` writes records that `verify FILE` checks elsewhere.
TIME is as journalctl has it: today, yesterday, '2026-01-31 12:00', -2h. `journalctl -u 'aios-*'`
shows every record; -x explains them.
"""
VERIFY_EPILOG = "exit status: 0 whole; 1 something was found; 125 nobody can tell"
_ACTIONS = ("show", "stats", "verify", "export")


def main(name: str, arguments: Sequence[str]) -> int:
    given = _parser().parse_args(_joined(arguments))
    if given.action == "verify" and given.file:
        from aios.client import log_verify

        machines = [given.machine] if given.machine else []
        return log_verify.of_file(given.file, machines, as_json=given.json)
    place.require_host("the audit", "There: aios log")
    match given.action:
        case "show":
            from aios.client import log_show

            return log_show.show(given.id, as_json=given.json)
        case "stats":
            from aios.client import log_stats

            return log_stats.stats(log_rows.find(_wanted(given, limit=0)), as_json=given.json)
        case "export":
            from aios.client import log_verify

            return log_verify.write_export(_wanted(given, limit=0))
        case "verify":
            from aios.client import log_verify

            machines = [given.machine] if given.machine else []
            return log_verify.of_journal(machines, key=given.verify_key, as_json=given.json)
    if given.follow:
        return _follow(_wanted(given, limit=0), as_json=given.json)
    return _list(given)


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--since -2h` as one word, which argparse takes for two options."""
    joined: list[str] = []
    for word in arguments:
        if joined and joined[-1] in ("--since", "--until"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="aios log",
        description="The audit: what was asked for, what was decided, what was done. The newest"
        " last.",
        usage="aios log [OPTIONS]\n       aios log show ID [--json]\n"
        "       aios log stats [OPTIONS]\n"
        "       aios log verify [-m MACHINE] [--verify-key KEY] [--json] [FILE]\n"
        "       aios log export [-m MACHINE] [--since TIME] [--until TIME]",
        epilog=EPILOG,
    )
    parser.add_argument(
        "-n", type=_count, default=20, metavar="N", help="commands (20); 0: all", dest="limit"
    )
    _narrower(parser, default="")
    parser.add_argument("--follow", "-f", action="store_true", help="each record as it comes")
    parser.add_argument("--oneline", action="store_true", help="lines, also on a terminal")
    parser.add_argument("--json", action="store_true", help="one object a line")
    actions = parser.add_subparsers(dest="action", metavar="|".join(_ACTIONS))
    show = actions.add_parser("show", description="All that is known of one command.")
    show.add_argument("id", metavar="ID", help="its end is enough")
    stats = actions.add_parser("stats", description="Commands, counted.")
    _narrower(stats, default=SUPPRESS)
    verify = actions.add_parser(
        "verify", description="Checks the chain of records.", epilog=VERIFY_EPILOG
    )
    verify.add_argument("file", nargs="?", default="", metavar="FILE",
                        help="an export; -: standard input; without: this journal")  # fmt: skip
    verify.add_argument("--verify-key", default="", metavar="KEY",
                        help="journald's, to check its seals as well")  # fmt: skip
    export = actions.add_parser(
        "export", description="Records as JSON lines, for `aios log verify FILE`."
    )
    for action in (verify, export):
        action.add_argument("-m", "--machine", default=SUPPRESS, help="only this machine's")
    for name in ("since", "until"):
        export.add_argument(f"--{name}", default=SUPPRESS, metavar="TIME")
    for action in (show, stats, verify):
        action.add_argument("--json", action="store_true", default=SUPPRESS, help="one object")
    return parser


def _narrower(parser: ArgumentParser, *, default: str) -> None:
    parser.add_argument("-m", "--machine", default=default, help="only in this machine")
    parser.add_argument("-u", "--user", default=default, help="only this person's; a name or uid")
    parser.add_argument("--session", default=default, metavar="ID", help="only of this one")
    parser.add_argument("--decision", default=default, choices=DECISIONS,
                        help=", ".join(DECISIONS), metavar="DECISION")  # fmt: skip
    parser.add_argument("--grep", default=default, metavar="PATTERN", type=_pattern,
                        help="only commands in which this regular expression is found")  # fmt: skip
    parser.add_argument("--since", default=default, metavar="TIME")
    parser.add_argument("--until", default=default, metavar="TIME")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise ArgumentTypeError(f"no number: {text!r}")


def _pattern(text: str) -> "re.Pattern[str] | str":
    """As journalctl: without capitals, whichever case."""
    if not text:
        return ""
    try:
        return re.compile(text, re.IGNORECASE if text == text.lower() else 0)
    except re.error as error:
        raise ArgumentTypeError(f"no regular expression: {error}") from error


def _wanted(given: Namespace, *, limit: int) -> Wanted:
    def said(name: str) -> str:
        return str(getattr(given, name, ""))

    grep: re.Pattern[str] | None = getattr(given, "grep", None) or None
    return Wanted(
        limit, said("machine"), said("user"), said("session"), said("decision"), grep,
        said("since"), said("until"),
    )  # fmt: skip


def _list(given: Namespace) -> int:
    found = log_spool.turned(log_rows.find(_wanted(given, limit=given.limit)))
    terminal = Terminal()
    told = False
    while part := list(islice(found, log_spool.FEW)):
        if given.json:
            for command in part:
                print_json(log_spool.about(command))
        elif terminal.out.isatty() and not given.oneline:
            log_table.table(terminal, part, head=not told)
        else:
            for command in part:
                log_table.line(terminal, command)
        told = True
    if not told:
        require_right_to_read()
    return 0


def _follow(wanted: Wanted, *, as_json: bool) -> int:
    """Until somebody stops it."""
    matches = wanted.matches() or ["_UID=0"]
    options = ["--follow", "--lines=20", *wanted.times()]
    terminal = Terminal()
    require_right_to_read()
    for record in log_rows.read([*matches, *wanted.decided()], options=options):
        if not record.get("AIOS_EVENT") or not wanted.named(record):
            continue
        if as_json:
            own = {k[5:].lower(): v for k, v in record.items() if k.startswith("AIOS_")}
            print_json(own, flush=True)
        else:
            at = log_table.local(int(record["__REALTIME_TIMESTAMP"]))
            style = "red" if record.get("PRIORITY", "6") <= "4" else ""
            terminal.line(f"{at}  {record.get('MESSAGE', '')}", style)
    return 0
