"""The services' users and groups, and what whoever looks may do."""

import grp
import os
import pwd
from pathlib import Path

from aios.client.doctor.host import Host
from aios.client.doctor.report import INSTALL, Report
from aios.client.log_rows import READERS

SYSUSERS = Path("/usr/lib/sysusers.d/aios.conf")
CREATE = "systemd-sysusers aios.conf"
USERS, ADMINISTRATORS = "aios", "aios-admin"


def check(host: Host) -> Report:
    report = Report("accounts")
    wanted = [line.split() for line in _lines(report)]
    for kind, name, *_ in (words for words in wanted if words and words[0] in ("u", "g")):
        try:
            (pwd.getpwnam if kind == "u" else grp.getgrnam)(name)
        except KeyError:
            what = "user" if kind == "u" else "group"
            report.fault(f"{what} {name}", "is not there: the bus lets nobody be it", CREATE)
    report.summary = "users and groups are there; " + _own(report, root=host.root)
    return report


def _lines(report: Report) -> list[str]:
    try:
        return SYSUSERS.read_text().splitlines()
    except OSError:
        report.fault(str(SYSUSERS), "is not installed", INSTALL)
        return []


def _own(report: Report, *, root: bool) -> str:
    """What the caller may do, in words."""
    if root:
        return "you are root"
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        report.fault(f"uid {os.getuid()}", "is nobody here: may not use aios", "useradd")
        return "you may not use aios"
    in_force = {group_name(gid) for gid in (*os.getgroups(), os.getgid())}
    said = {group_name(gid) for gid in os.getgrouplist(name, os.getgid())}
    for group in (said - in_force) & {USERS, ADMINISTRATORS, *READERS}:
        report.warn(f"user {name}", f"is in {group}, but not in this session", "log out and in")
    if not said & {USERS, ADMINISTRATORS}:
        report.fault(
            f"user {name}", f"is not in group {USERS}: may not use aios",
            f"sudo usermod -aG {USERS} {name}, and log in again",
        )  # fmt: skip
        return "you may not use aios"
    approves = "approve" if ADMINISTRATORS in said else "use aios (others approve)"
    reads = ", read the record" if said & set(READERS) else ", not read the record"
    return f"you may {approves}{reads}"


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
