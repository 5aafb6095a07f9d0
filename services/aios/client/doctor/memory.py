"""Whether the memory answers, is whole, and is backed up."""

from datetime import UTC, datetime
from typing import Any

from aios.client import place
from aios.client.doctor import answers, tools
from aios.client.doctor.host import Host
from aios.client.doctor.report import Report
from aios.client.log_show import size
from aios.client.varlink import ERROR_PREFIX, ClientError

SECONDS, VERIFY_SECONDS = 20.0, 60.0
RECENT_DAYS = 2
TIMER = "aios-memory-backup.timer"


def check(host: Host) -> Report:
    report = Report("memory")
    try:
        backups = call("ListBackups")["backups"]
    except ClientError as error:
        if error.name == ERROR_PREFIX + "NotAuthorized":
            _size(report, error)
        else:
            answers.told(report, "aios-memory.service", error)
        return report
    for problem in _problems(report):
        report.fault("memory.db", f"is damaged: {problem}", _restore(backups))
    whole = "answers" if report.unseen else "whole"
    newest = min((_age_days(backup) for backup in backups), default=None)
    if newest is None:
        report.summary = f"{whole}; the first backup is still to be made"
        if _backed_up_before():
            report.fault("backups", "are not there", "aios memory backup")
    else:
        report.summary = (
            f"{whole}; {len(backups)} kept, the newest {newest * 24:.0f} h old,"
            f" {size(int(backups[0]['bytes']))}"
        )
        if newest > RECENT_DAYS:
            report.warn(
                "backups", f"the newest is {newest:.0f} days old",
                f"aios memory backup; journalctl -u {TIMER.replace('timer', 'service')}",
            )  # fmt: skip
    return report


def _problems(report: Report) -> list[str]:
    """It reads the whole file, which may be long."""
    try:
        return list(call("Verify", VERIFY_SECONDS)["problems"])
    except ClientError as error:
        hint = "aios memory verify takes its time"
        report.unseen.append(f"whether the database is whole: {error.message} ({hint})")
        return []


def call(method: str, seconds: float = SECONDS) -> dict[str, Any]:
    with place.connect("memory", seconds) as connection:
        return connection.call(f"{place.MEMORY}.{method}", {})


def _size(report: Report, refused: ClientError) -> None:
    """What people may know who are no administrators."""
    try:
        told = call("Stats")["stats"]
    except ClientError as error:
        answers.told(report, "aios-memory.service", error)
    else:
        report.summary = f"answers; {told['memories']} memories, {told['commands']} commands"
        report.unseen.append(f"whether the database is whole: {refused.message}")


def _restore(backups: list[dict[str, Any]]) -> str:
    if not backups:
        return "there is no backup: aios memory export keeps what can still be read"
    return "aios memory restore puts the newest backup in its place, and keeps what is there"


def _age_days(backup: dict[str, Any]) -> float:
    made = datetime.fromisoformat(str(backup["created_at"]))
    return (datetime.now(UTC) - made).total_seconds() / 86400


def _backed_up_before() -> bool:
    done = tools.told("systemctl", "show", "--property=LastTriggerUSec", "--value", TIMER)
    return bool(done.strip())
