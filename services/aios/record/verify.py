"""Whether the record is what exec wrote: what stands in this journal against the chain and against
exec's anchors, or what stands in a file against the chain alone.
"""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aios.record import anchors, journal
from aios.record.anchors import Anchor
from aios.record.chain import Chain, Finding, Kind, Link

MARK = "aios_export"
"""The key of the first and the last line of an export."""
JOURNALS = Path("/var/log/journal")


@dataclass
class Report:
    machine: str
    count: int = 0
    first: int = 0
    last: int = 0
    repeated: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is no alarm, and what could not be told."""


class Check:
    """The records of one machine, one after the other."""

    def __init__(self, machine: str, known: Sequence[Anchor] = ()) -> None:
        self.chain = Chain(machine)
        self._known = {anchor.sequence: anchor.hash for anchor in known}
        self.findings: list[Finding] = []
        self._imitations: Counter[str] = Counter()

    def add(self, record: Mapping[str, str]) -> None:
        """A record that counts."""
        link = Link.of(record)
        if link is None:
            name = f"{record.get('AIOS_EVENT')} of {record.get('AIOS_ID')}"
            self._find(Kind.ILLEGIBLE, f"{name} has no legible number")
            return
        if self._known.get(link.sequence, link.hash) != link.hash:
            self._find(
                Kind.CHANGED, f"{link} is not the one that exec anchored under this number",
                link.sequence,
            )  # fmt: skip
        self.chain.add(link)

    def foreign(self, record: Mapping[str, str]) -> None:
        """A record that exec wrote under another machine's name."""
        self._find(
            Kind.FORGED,
            f"{record.get('AIOS_EVENT')} of {record.get('AIOS_ID')} says that it is of machine"
            f" {record.get('AIOS_MACHINE')!r}",
        )  # fmt: skip

    def imitation(self, record: Mapping[str, str]) -> None:
        """What only looks like a record."""
        self._imitations[
            f"uid {record.get('_UID', '?')} in {record.get('_SYSTEMD_UNIT') or 'no unit'}"
        ] += 1

    def _find(self, kind: Kind, what: str, sequence: int = 0) -> None:
        self.findings.append(Finding(kind, self.chain.machine, what, sequence))

    def report(self) -> Report:
        chain = self.chain
        findings = [*chain.findings(), *self.findings]
        report = Report(chain.machine, chain.count, repeated=chain.repeated, findings=findings)
        if chain.first is not None and chain.last is not None:
            report.first, report.last = chain.first.sequence, chain.last.sequence
        for sender, count in self._imitations.most_common():
            report.notes.append(
                f"{count} that only look like records, from {sender}: they do not count"
            )
        return report


def of_journal(
    wanted: Sequence[str] = (), state: Path = anchors.STATE, *, latest: int = 0
) -> list[Report]:
    """Of these machines, or of all that the journal or exec's state knows. latest: only so many
    records of each, whatever is before them. Raises Unavailable."""
    root = os.geteuid() == 0
    names = list(wanted) or sorted({*journal.machines(), *_with_state(state)})
    reports = []
    for machine in names:
        known, legible = _anchors(state / machine)
        if root:
            # What was anchored has been sent.
            subprocess.run(["journalctl", "--sync"], check=False, stderr=subprocess.DEVNULL)
        check = Check(machine, known)
        oldest = journal.oldest_usec()
        matches = [*journal.of_machine(machine), "+", f"AIOS_MACHINE={machine}"]
        options = [f"--lines={latest}"] if latest else []
        for record in journal.records(matches, options=options):
            if journal.machine_of(record) != machine:
                if not journal.reverted(record):
                    check.imitation(record)
            elif record.get("AIOS_EVENT") or record.get("AIOS_HASH"):
                (check.add if journal.trusted(record) else check.foreign)(record)
        report = check.report()
        if legible:
            if not latest:
                _beginning(report, check.chain, known, oldest)
            _end(report, check.chain, known, oldest)
        else:
            if report.first > 1:
                report.notes.append(f"begins with record {report.first}")
            report.notes.append(
                "the anchors are root's to read: only root can tell why the beginning is not there,"
                " and whether the end is"
            )
        reports.append(report)
    return reports


def _with_state(state: Path) -> list[str]:
    try:
        return [path.name for path in state.iterdir() if (path / anchors.HEAD).exists()]
    except OSError:
        return []


def _anchors(state: Path) -> tuple[list[Anchor], bool]:
    """In the chain's order, and whether they could be read."""
    try:
        head = anchors.head(state)
        found = anchors.read(state)
    except PermissionError:
        return [], False
    if head is not None:
        found = sorted([*found, head], key=lambda anchor: anchor.sequence)
    return found, True


def _time(usec: int) -> str:
    return f"{datetime.fromtimestamp(usec / 1e6).astimezone():%Y-%m-%d %H:%M:%S}"


def _beginning(report: Report, chain: Chain, known: Sequence[Anchor], oldest: int) -> None:
    """Why the first record is not the first of all."""
    first = chain.first
    if first is None or first.sequence == 1:
        return
    earlier = [anchor for anchor in known if anchor.sequence < first.sequence]
    if not earlier:
        report.notes.append(
            f"begins with record {first.sequence}; no anchor says whether what was before is older"
            " than the journal keeps"
        )
        return
    last = earlier[-1]
    if last.sequence == first.sequence - 1 and last.hash != first.previous:
        report.findings.append(
            Finding(Kind.CHANGED, chain.machine, f"{first} does not follow what exec anchored as"
                    f" {last.sequence}", first.sequence)
        )  # fmt: skip
    if last.usec and oldest and oldest <= last.usec:
        begin = min(a.sequence for a in earlier if not a.usec or a.usec >= oldest)
        what = (
            f"what is before {first.sequence} is not there, at least from {begin} on: the journal"
            f" goes back to {_time(oldest)}, record {last.sequence} was written at"
            f" {_time(last.usec)}"
        )
        report.findings.append(
            Finding(Kind.REMOVED, chain.machine, what, begin, first.sequence - begin)
        )
    else:
        report.notes.append(
            f"begins with record {first.sequence}: what was before is older than the journal keeps,"
            f" anchored at {last.sequence}"
        )


def _end(report: Report, chain: Chain, known: Sequence[Anchor], oldest: int) -> None:
    """Whether what exec knows to have written last is there."""
    if not known:
        return
    last, there = known[-1], chain.last.sequence if chain.last is not None else 0
    if last.sequence <= there:
        return
    if not there and last.usec and oldest > last.usec:
        report.notes.append(
            f"all {last.sequence} are older than the journal keeps, anchored at {last.sequence}"
        )
        return
    what = (
        f"the last ones, {there + 1} to {last.sequence}, are not there: by a power loss, or by"
        " somebody"
    )
    report.findings.append(
        Finding(Kind.LOST, chain.machine, what, there + 1, last.sequence - there)
    )


def sealed() -> bool:
    """Whether journald seals its files (Forward Secure Sealing)."""
    try:
        machine_id = Path("/etc/machine-id").read_text().strip()
    except OSError:
        return False
    return (JOURNALS / machine_id / "fss").exists()


def of_file(lines: Iterable[str], wanted: Sequence[str] = ()) -> list[Report]:
    """Of an export, or of what `journalctl -o json` printed: the chain alone, since a file says
    nothing that somebody could not have written."""
    checks: dict[str, Check] = {}
    begun, end = False, None
    broken = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            broken.append(Finding(Kind.ILLEGIBLE, "", f"line {number} is no record"))
            continue
        if MARK in values:
            begun, end = True, values if values[MARK] == "end" else end
            continue
        record = journal.record_of(values)
        if not (record.get("AIOS_EVENT") or record.get("AIOS_HASH")) or journal.reverted(record):
            continue
        machine = record.get("AIOS_MACHINE", "")
        if wanted and machine not in wanted:
            continue
        check = checks.setdefault(machine, Check(machine))
        if "_SYSTEMD_UNIT" in record and not journal.trusted(record):
            check.imitation(record)
        else:
            check.add(record)
    ended = end.get("machines") if end is not None else {}
    if not isinstance(ended, dict):
        broken.append(Finding(Kind.ILLEGIBLE, "", "the export's last line names no machines"))
        ended = {}
    for machine in ended:
        if not wanted or machine in wanted:
            checks.setdefault(machine, Check(machine))
    reports = [_of_part(check, ended) for _, check in sorted(checks.items())]
    if begun and end is None:
        broken.append(Finding(Kind.LOST, "", "the end of the export is not there"))
    if broken:
        reports.append(Report("", findings=broken))
    return reports


def _of_part(check: Check, ended: Mapping[str, Any]) -> Report:
    """Against what the export's last line says, if it has one."""
    report = check.report()
    machine = report.machine
    said = ended.get(machine)
    if isinstance(said, dict):
        first, last = said.get("first"), said.get("last")
        if isinstance(last, int) and report.last < last:
            report.findings.append(
                Finding(Kind.LOST, machine, f"the last ones, {report.last + 1} to {last}, are not"
                        " there", report.last + 1, last - report.last)
            )  # fmt: skip
        if isinstance(first, int) and 0 < first < report.first:
            report.findings.append(
                Finding(Kind.REMOVED, machine, f"the first ones, {first} to {report.first - 1}, are"
                        " not there", first, report.first - first)
            )  # fmt: skip
        end = check.chain.last
        if end is not None and end.sequence == last and end.hash != said.get("hash"):
            report.findings.append(
                Finding(Kind.CHANGED, machine, f"{end} is not the one that was exported",
                        end.sequence)
            )  # fmt: skip
    elif report.count:
        report.notes.append(f"nothing says whether {report.last} was the last one")
    if report.first > 1:
        report.notes.append(
            f"begins with record {report.first}; what was before is not in the file"
        )
    return report
