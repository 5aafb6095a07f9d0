"""What the kernel has to have for aios to hold what it promises."""

import re
from pathlib import Path

from aios.attach import idmap
from aios.attach.settings import DATABASE
from aios.client.doctor import tools
from aios.client.doctor.host import Host
from aios.client.doctor.report import Report

CGROUP = Path("/sys/fs/cgroup/cgroup.controllers")
CONTROLLERS = {
    "memory": "memory", "pids": "processes", "cpu": "the CPU",
}  # fmt: skip
"""And the limits that they enforce."""
OLDEST_SYSTEMD = 252


def missing_controllers() -> list[str] | None:
    """None: there is no cgroup v2."""
    try:
        there = CGROUP.read_text().split()
    except OSError:
        return None
    return [name for name in CONTROLLERS if name not in there]


def check(host: Host) -> Report:
    report = Report("kernel", "user namespaces, idmapped mounts, cgroup v2 with its controllers")
    _namespaces(report)
    missing = missing_controllers()
    if missing is None:
        report.fault(
            "cgroup v2", "is not mounted: no limit holds, machines may not start",
            "boot with systemd.unified_cgroup_hierarchy=1",
        )  # fmt: skip
    elif missing:
        limits = ", ".join(CONTROLLERS[name] for name in missing)
        report.warn(
            "cgroup v2", f"lacks the controllers {', '.join(missing)}: limits on {limits} are not"
            " enforced (details.unenforced names them)",
            "boot with systemd.unified_cgroup_hierarchy=1, or look which cgroup v1 mount has them:"
            " grep cgroup /proc/mounts",
        )  # fmt: skip
    _idmapped(report, host)
    version = re.search(r"\d+", tools.told("systemctl", "--version"))
    if version and int(version[0]) < OLDEST_SYSTEMD:
        report.fault(
            "systemd", f"{version[0]} is too old: aios needs {OLDEST_SYSTEMD}", "upgrade the system"
        )
    return report


def _namespaces(report: Report) -> None:
    limit = Path("/proc/sys/user/max_user_namespaces")
    try:
        if int(limit.read_text()) == 0:
            report.fault(
                "user namespaces", "are switched off: machines have no users of their own",
                "sysctl -w user.max_user_namespaces=65536 (and in /etc/sysctl.d)",
            )  # fmt: skip
    except (OSError, ValueError):
        report.fault("user namespaces", "the kernel has none", "use a kernel with CONFIG_USER_NS")


def _idmapped(report: Report, host: Host) -> None:
    if not host.root:
        report.unseen.append("whether idmapped mounts work, root can try")
    elif DATABASE.is_dir() and idmap.error(DATABASE):
        report.warn(
            "idmapped mounts", f"do not work at {DATABASE}: machines do not see the memory's file",
            f"put {DATABASE} on ext4, xfs or btrfs (kernel 5.12 or newer)",
        )  # fmt: skip
