"""aios log verify and export."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aios.client import log_rows
from aios.client.terminal import Terminal
from aios.client.varlink import ERROR_PREFIX, UNAVAILABLE, ClientError
from aios.errors import AiosError
from aios.record import export, verify
from aios.record.verify import Report
from aios.text import print_json, visible

FOUND = 1
MOST_SHOWN = 100
ELSEWHERE = (
    "Only the chain was checked: a file cannot say who wrote it. Whoever can write the whole of it"
    " can make another chain."
)


def of_journal(machines: Sequence[str], *, key: str, as_json: bool) -> int:
    try:
        reports = verify.of_journal(machines)
    except AiosError as error:
        raise ClientError(error.name, error.message, error.hint) from error
    if not any(report.count or report.findings for report in reports):
        log_rows.require_right_to_read()
        _require_any(reports)
    sealed = verify.sealed()
    status = _tell(reports, as_json=as_json)
    terminal = Terminal()
    if key:
        # What journald wrote, by what journald sealed it with.
        done = subprocess.run(["journalctl", "--verify", f"--verify-key={key}"], check=False)
        status = FOUND if done.returncode else status
    elif sealed and not as_json:
        terminal.note("journald seals its files: --verify-key=KEY checks the seals as well")
    elif not as_json:
        terminal.note("journald does not seal its files (journalctl --setup-keys): root could"
                      " write another journal, with another chain and other anchors")  # fmt: skip
    return status


def of_file(path: str, machines: Sequence[str], *, as_json: bool) -> int:
    if path == "-":
        reports = verify.of_file(sys.stdin, machines)
    else:
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            reports = verify.of_file(lines, machines)
    _require_any(reports)
    status = _tell(reports, as_json=as_json)
    if not as_json:
        Terminal().note(ELSEWHERE)
    return status


def _require_any(reports: Sequence[Report]) -> None:
    """Of nothing, nobody can tell whether it is whole."""
    if not any(report.count or report.findings or report.notes for report in reports):
        raise ClientError(
            ERROR_PREFIX + "NotFound", "there are no records", "nothing can be told of them"
        )


def _tell(reports: Sequence[Report], *, as_json: bool) -> int:
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            _show(Terminal(), report)
    return FOUND if any(report.findings for report in reports) else 0


def _show(terminal: Terminal, report: Report) -> None:
    if report.count:
        numbers = f"{report.count} records, {report.first} to {report.last}"
    else:
        numbers = "no records"
    if report.repeated:
        numbers += f", {report.repeated} of them twice"
    name = visible(report.machine) or "the file"
    if report.findings:
        terminal.line(f"✗ {name}: {numbers}; {_findings(len(report.findings))}", "red")
    else:
        terminal.line(f"✓ {name}: {numbers}", "green")
    for finding in report.findings[:MOST_SHOWN]:
        terminal.line(f"    {finding.kind}: {visible(finding.what)}", "red")
    if len(report.findings) > MOST_SHOWN:
        terminal.line(f"    … and {len(report.findings) - MOST_SHOWN} more (--json: all)", "red")
    for note in report.notes:
        terminal.line(f"    {visible(note)}", "dim")


def _findings(count: int) -> str:
    return "1 finding" if count == 1 else f"{count} findings"


def write_export(wanted: log_rows.Wanted) -> int:
    matches = wanted.matches()
    if matches is None:
        log_rows.require_right_to_read()
        raise ClientError(UNAVAILABLE, "there are no records")
    for line in export.lines(log_rows.read(matches, options=wanted.times())):
        print_json(line)
    return 0
