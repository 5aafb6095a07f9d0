"""Directories and sockets: there, with the owner and mode that aios gave them."""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from aios.client.dashboard.units import SHOWN
from aios.client.doctor.accounts import group_name
from aios.client.doctor.host import Host
from aios.client.doctor.report import INSTALL, Report
from aios.client.place import RUNTIME

# tmpfiles.d(5): an administrator's file of the same name stands for ours.
TMPFILES = (Path("/etc/tmpfiles.d/aios.conf"), Path("/usr/lib/tmpfiles.d/aios.conf"))
CREATE = "systemd-tmpfiles --create aios.conf"
SOCKET_MODE = 0o666
"""Who calls is known by the peer; a closed socket keeps people and machines out."""


def check(host: Host) -> Report:
    report = Report("files")
    directories = 0
    for path, mode, user, group in _wanted(report):
        directories += 1
        _directory(report, path, mode, user, group)
    sockets = 0
    for unit, path in _sockets(host):
        # One that does not listen is the units' finding.
        if host.unit(unit).get("ActiveState") == "active":
            sockets += 1
            _socket(report, unit, path)
    report.summary = f"{directories} directories and {sockets} sockets with their owners and modes"
    return report


def _wanted(report: Report) -> Iterator[tuple[Path, int, str, str]]:
    source = next((path for path in TMPFILES if path.exists()), None)
    if source is None:
        report.fault(str(TMPFILES[1]), "is not installed", INSTALL)
        return
    for line in source.read_text().splitlines():
        # What is not said is as tmpfiles.d(5) has it.
        words = [*line.split(), "-", "-", "-"]
        if words[0] != "d":
            continue
        path, mode = words[1], words[2].replace("-", "0755")
        user, group = (word if word != "-" else "root" for word in words[3:5])
        if mode.isdecimal():
            yield Path(path), int(mode, 8), user, group


def _directory(report: Report, path: Path, mode: int, user: str, group: str) -> None:
    if (found := _seen(report, path, "is not there", CREATE)) is None:
        return
    if not stat.S_ISDIR(found.st_mode):
        report.fault(str(path), "is no directory", f"mv {path} {path}.old && {CREATE}")
        return
    owner = f"{_user(found.st_uid)}:{group_name(found.st_gid)}"
    if owner != f"{user}:{group}":
        report.fault(str(path), f"belongs to {owner}, not {user}:{group}", CREATE)
    if stat.S_IMODE(found.st_mode) != mode:
        report.fault(
            str(path), f"has mode {stat.S_IMODE(found.st_mode):04o}, not {mode:04o}", CREATE
        )


def _sockets(host: Host) -> Iterator[tuple[str, Path]]:
    for service in SHOWN:
        for directory in (RUNTIME, f"{RUNTIME}/machine"):
            yield f"aios-{service}.socket", Path(directory, f"{service}.sock")
    yield "aios-machine.socket", Path(RUNTIME, "machines.sock")
    yield "aios-aigpt.socket", Path(RUNTIME, "machine/aigpt.sock")
    for machine in (".host", *host.machines):
        yield f"aios-exec@{machine}.socket", Path(RUNTIME, "exec", f"{machine}.sock")


def _socket(report: Report, unit: str, path: Path) -> None:
    # A socket is not restarted while its service runs.
    service = unit.replace(".socket", ".service")
    again = f"systemctl stop {service} {unit} && systemctl start {unit}"
    found = _seen(report, path, f"is not there, though {unit} listens", again)
    if found is None:
        return
    if not stat.S_ISSOCK(found.st_mode):
        report.fault(str(path), "is no socket", f"rm {path}; systemctl restart {unit}")
        return
    if found.st_uid != 0:
        report.fault(str(path), f"belongs to {_user(found.st_uid)}, not root", f"chown 0:0 {path}")
    if stat.S_IMODE(found.st_mode) != SOCKET_MODE:
        report.fault(
            str(path), f"has mode {stat.S_IMODE(found.st_mode):04o}, not {SOCKET_MODE:04o}",
            f"chmod {SOCKET_MODE:04o} {path}",
        )  # fmt: skip


def _seen(report: Report, path: Path, gone: str, mend: str) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        report.fault(str(path), gone, mend)
    except PermissionError:
        report.unseen.append(f"{path} is out of your sight")
    return None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
