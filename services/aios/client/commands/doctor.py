"""aios doctor: what is wrong with this installation, and what to do about it."""

from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from aios import __version__
from aios.client import place
from aios.client.doctor import examine, host
from aios.client.doctor.report import Level, Report
from aios.client.doctor.tools import Unseen
from aios.client.terminal import Terminal, print_error
from aios.client.varlink import ERROR_PREFIX, ClientError
from aios.text import print_json

FOUND, BLIND = 1, 2
EPILOG = """\
Nothing is changed. The services are asked, so they run for a while afterwards; in each machine
that runs, one command that does nothing (`true`) goes the whole way, record included. Who is not
root does not see everything: sudo aios doctor.

exit status: 0 nothing was found; 1 something was; 2 it could not be looked at
"""
_MARKS = {Level.FAULT: ("✗", "red"), Level.WARNING: ("!", "yellow")}
_PLAIN = {"✓": "ok", "✗": "fault", "!": "warning", "·": "unseen"}
_WIDTH = 14


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios doctor",
        description="Checks this installation, and says what to do about each finding.",
        epilog=EPILOG,
    )
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("-m", "--machine", default="", help="of the machines, only this one")
    given = parser.parse_args(arguments)
    if place.in_machine():
        raise ClientError(
            ERROR_PREFIX + "NotAuthorized", "the installation is on the host", "There: aios doctor",
            BLIND,
        )  # fmt: skip
    try:
        found = examine.examine(host.look(given.machine))
    except Unseen as error:
        print_error(f"nothing can be looked at: {error}", "Is systemd PID 1 here?")
        return BLIND
    reports = list(found if given.json else _told(found))
    count = sum(len(report.findings) for report in reports)
    unseen = sum(len(report.unseen) for report in reports)
    if given.json:
        checks = [asdict(report) for report in reports]
        told = {"version": __version__, "checks": checks, "findings": count, "unseen": unseen}
        print_json(told)
    else:
        _end(count, unseen)
    return FOUND if count else 0


def _told(reports: Iterable[Report]) -> Iterable[Report]:
    terminal = Terminal()
    terminal.passing("looking …")
    for report in reports:
        _show(terminal, report)
        terminal.passing("looking …")
        yield report
    terminal.fresh_line()


def _show(terminal: Terminal, report: Report) -> None:
    if not report.findings:
        mark, style = ("✓", "green") if report.summary else ("·", "dim")
        said = report.summary or "; ".join(report.unseen)
        terminal.line(f"{_mark(terminal, mark)} {report.check:<{_WIDTH}} {said}", style)
    for finding in sorted(report.findings, key=lambda finding: finding.level):
        mark, style = _MARKS[finding.level]
        line = f"{report.check:<{_WIDTH}} {finding.subject} {finding.what}"
        terminal.line(f"{_mark(terminal, mark)} {line}", style)
        terminal.line(f"  {'':<{_WIDTH}} → {finding.mend}")
    if report.findings or report.summary:
        mark = _mark(terminal, "·")
        for what in report.unseen:
            terminal.line(f"{mark} {report.check:<{_WIDTH}} not seen: {what}", "dim")


def _mark(terminal: Terminal, mark: str) -> str:
    return mark if terminal.out.isatty() and not terminal.plain else _PLAIN[mark]


def _end(count: int, unseen: int) -> None:
    found = {0: "Nothing was found.", 1: "1 finding."}.get(count, f"{count} findings.")
    terminal = Terminal()
    terminal.line(found, "bold")
    if unseen:
        terminal.note(f"{unseen} things could not be seen: sudo aios doctor looks at all.")
