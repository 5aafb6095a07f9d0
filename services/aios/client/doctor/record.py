"""Whether the journal keeps the record, and whether what it has is whole."""

from pathlib import Path

from aios.client import log_rows
from aios.client.doctor import tools
from aios.client.doctor.host import Host
from aios.client.doctor.report import Report
from aios.client.log_show import size
from aios.client.varlink import ClientError
from aios.errors import AiosError
from aios.record import verify

LATEST = 2000
"""Records of each machine whose chain is checked; `aios log verify` checks all."""
SMALL = 64 * 1024**2
SHORT_USEC = 30 * 24 * 3600 * 1_000_000
SUPPRESSED = "a596d6fe7bfa4994828e72309e95d61e"
"""journald's message about what it dropped (SD_MESSAGE_JOURNAL_DROPPED)."""
DROP_IN = "in /etc/systemd/journald.conf.d/aios.conf, and systemctl restart systemd-journald"
_UNITS = {"B": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def check(host: Host) -> Report:
    report = Report("record")
    _kept(report)
    exec_unit = host.unit("aios-exec@.host.service")
    if exec_unit.get("LoadState") == "loaded" and exec_unit.get("LogRateLimitIntervalUSec") != "0":
        report.fault(
            "aios-exec@.service", "may lose records: journald limits its rate",
            "systemctl cat aios-exec@.host.service; LogRateLimitIntervalSec=0 has to be in force",
        )  # fmt: skip
    try:
        log_rows.require_right_to_read()
    except ClientError as error:
        report.unseen.append(f"the record: {error.message} ({error.hint})")
        report.summary = "the journal is kept"
        return report
    _dropped(report)
    _whole(report, host)
    return report


def _kept(report: Report) -> None:
    settings = _settings()
    storage = settings.get("Storage", "auto").lower()
    if storage == "none":
        report.fault("journald", "keeps nothing (Storage=none): aios runs nothing unrecorded",
                     f"Storage=persistent {DROP_IN}")  # fmt: skip
    elif storage == "volatile":
        report.fault("journald", "forgets the record at a reboot (Storage=volatile)",
                     f"Storage=persistent {DROP_IN}")  # fmt: skip
    elif not _persistent():
        report.fault("journald", "forgets the record at a reboot: nothing is in /var/log/journal",
                     "mkdir -p /var/log/journal && systemctl restart systemd-journald"
                     " && journalctl --flush")  # fmt: skip
    most = _bytes(settings.get("SystemMaxUse", ""))
    if 0 < most < SMALL:
        report.warn("journald", f"keeps {size(most)} at most (SystemMaxUse=): some days of records",
                    f"SystemMaxUse=1G {DROP_IN}")  # fmt: skip
    retention = settings.get("MaxRetentionSec", "")
    if retention and 0 < _usec(retention) < SHORT_USEC:
        report.warn("journald", f"forgets what is older than {retention} (MaxRetentionSec=)",
                    f"MaxRetentionSec=0 {DROP_IN}")  # fmt: skip


def _settings() -> dict[str, str]:
    """journald.conf and its drop-ins, the last word of each."""
    found: dict[str, str] = {}
    for line in tools.told("systemd-analyze", "cat-config", "systemd/journald.conf").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.lstrip().startswith(("#", ";")):
            found[name.strip()] = value.strip()
    return found


def _persistent() -> bool:
    try:
        machine_id = Path("/etc/machine-id").read_text().strip()
    except OSError:
        return False
    return (verify.JOURNALS / machine_id).is_dir()


def _bytes(text: str) -> int:
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "B")
    return int(float(number) * _UNITS.get(unit, 1)) if number.replace(".", "", 1).isdigit() else 0


def _usec(text: str) -> int:
    done = tools.ask("systemd-analyze", "timespan", text)
    for line in done.stdout.splitlines():
        name, _, value = line.strip().partition(": ")
        if name.endswith("s") and value.strip().isdigit():
            return int(value)
    return 0


def _dropped(report: Report) -> None:
    lines = tools.told(
        "journalctl", "--quiet", "--boot", "--output=cat", "--lines=5", f"MESSAGE_ID={SUPPRESSED}",
        "_COMM=systemd-journal",
    ).splitlines()  # fmt: skip
    for line in lines:
        if "aios-" in line:
            report.fault("journald", f"dropped messages in this boot: {line}",
                         f"RateLimitBurst=0 {DROP_IN}; aios log verify")  # fmt: skip


def _whole(report: Report, host: Host) -> None:
    try:
        reports = verify.of_journal(latest=LATEST)
    except AiosError as error:
        report.unseen.append(f"the record: {error.message}")
        return
    for one in reports:
        if one.findings:
            first = one.findings[0]
            more = f" (and {len(one.findings) - 1} more)" if len(one.findings) > 1 else ""
            report.fault(
                f"record of {one.machine}", f"{first.kind}: {first.what}{more}",
                f"aios log verify -m {one.machine}",
            )  # fmt: skip
    count = sum(one.count for one in reports)
    sealed = ", sealed" if verify.sealed() else ""
    report.summary = f"kept{sealed}; the latest {count} records are whole"
