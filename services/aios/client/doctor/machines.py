"""Each machine that runs: attached, with what aios needs in it, and its exec answers."""

from pathlib import Path

from aios.attach import access, files, settings
from aios.attach.look import mounts
from aios.client import place
from aios.client.doctor import answers
from aios.client.doctor.host import WANTS, Host
from aios.client.doctor.kernel import missing_controllers
from aios.client.doctor.report import Report
from aios.client.varlink import ERROR_PREFIX, ClientError, Connection
from aios.ids import HOST

SECONDS = 20.0
USER = "ai"
# What a property needs of the kernel.
_CONTROLLER = {"MemoryMax": "memory", "TasksMax": "pids", "CPUWeight": "cpu"}


def check(host: Host, machine: str) -> Report:
    report = Report(f"machine {machine}")
    if machine == HOST:
        _host_answers(report)
        return report
    if machine not in host.leaders:
        report.summary = "does not run"
        if (WANTS / f"systemd-nspawn@{machine}.service").is_symlink():
            report.warn(
                machine, "does not run, though it is enabled",
                f"systemctl start systemd-nspawn@{machine}",
            )  # fmt: skip
        return report
    _settings(report, machine)
    _lacks(report, machine)
    if host.root:
        _inside(report, machine, host.leaders[machine])
    else:
        report.unseen.append(f"what is mounted in {machine}, root can see")
    if host.unit(f"aios-exec@{machine}.socket").get("ActiveState") != "active":
        report.fault(
            f"aios-exec@{machine}.socket", f"does not listen: nothing can be run in {machine}",
            f"systemctl start aios-exec@{machine}.socket",
        )  # fmt: skip
    else:
        _answers(report, machine)
    return report


def _settings(report: Report, machine: str) -> None:
    path = settings.NSPAWN / f"{machine}.nspawn"
    restart = f"systemctl restart systemd-nspawn@{machine} (aios-attach@ writes it at each start)"
    try:
        text = files.read(path)
        wanted, found = access.wanted(machine), access.found(machine)
    except OSError as error:
        report.unseen.append(f"{path}: {error.strerror}")
        return
    if settings.BEGIN not in text:
        report.fault(str(path), f"has not aios's lines: {machine} will start without aios", restart)
    elif settings.attach(text, wanted, idmapped=not found.problem) != text:
        report.warn(str(path), "has other lines of aios's than it should", restart)


def _inside(report: Report, machine: str, leader: int) -> None:
    """As its own first process sees it."""
    proc = Path("/proc", str(leader))
    try:
        there = mounts((proc / "mountinfo").read_text())
    except OSError as error:
        report.unseen.append(f"{machine}: {error.strerror}")
        return
    idmapped = not access.found(machine).problem
    binds = settings.binds(access.wanted(machine), idmapped=idmapped)
    gone = [path for _, path in binds if path not in there]
    if gone:
        report.fault(
            machine, f"does not have {', '.join(gone)} mounted",
            f"systemctl restart systemd-nspawn@{machine}",
        )  # fmt: skip
    for ours, path in binds:
        if path not in gone:
            _current(report, machine, Path(ours), proc / "root" / path[1:])


def _lacks(report: Report, machine: str) -> None:
    """By aios-machine's word, which may look and follows no link in there."""
    try:
        with place.connect("machines", SECONDS) as connection:
            about = connection.call(f"{place.MACHINE}.Get", {"name": machine})["machine"]
    except ClientError as error:
        answers.told(report, "aios-machine.service", error, "no machine is made or started")
        return
    shell = f"machinectl shell root@{machine}"
    for one in about["missing"]:
        mend = f"{shell} /usr/bin/apt-get install -y {one['what']} (or its pacman, dnf)"
        if one["what"] == f"user {USER}":
            mend = (
                f"{shell} /usr/sbin/useradd --uid 1000 --user-group --create-home"
                f" --shell /bin/bash {USER}"
            )
        report.fault(f"{machine} {one['what']}", f"is not there: {one['why']}", mend)


def _current(report: Report, machine: str, ours: Path, theirs: Path) -> None:
    """A bind of a file is to that file: one that was replaced on the host stays the old one."""
    try:
        same = ours.samefile(theirs)
    except OSError as error:
        report.unseen.append(f"{ours} in {machine}: {error.strerror}")
        return
    if not same:
        report.warn(
            machine, f"has an older {ours} than the host",
            f"systemctl restart systemd-nspawn@{machine}",
        )  # fmt: skip


def _answers(report: Report, machine: str) -> None:
    """A command that does nothing, the whole way: what is not enforced, it tells."""
    try:
        with Connection(place.exec_socket(machine), timeout=SECONDS) as connection:
            ran = connection.call(
                "org.aios.Exec1.Run", {"command": "true", "options": {"purpose": "probe"}}
            )
    except ClientError as error:
        if error.name == ERROR_PREFIX + "Denied":
            report.summary = "runs, attached; exec answers (policy has it run nothing by itself)"
        else:
            answers.told(report, f"aios-exec@{machine}.service", error, "nothing can be run in it")
        return
    details = ran["details"]
    if ran["exit_status"]:
        report.fault(
            machine, f"`true` ended with {ran['exit_status']} ({details.get('ended')})",
            f"aios log show {details.get('id')}",
        )  # fmt: skip
    known = missing_controllers() or []
    # What no machine here can have is the kernel's finding.
    unenforced = [name for name in details.get("unenforced", [])
                  if _CONTROLLER.get(name) not in known]  # fmt: skip
    if unenforced:
        report.warn(
            machine, f"does not enforce {', '.join(unenforced)}",
            f"systemctl -M {machine} show aios.slice; cat /sys/fs/cgroup/cgroup.controllers there",
        )  # fmt: skip
    profile = details.get("profile", "")
    report.summary = f"runs, attached; exec answers, profile {profile} is in force"


def _host_answers(report: Report) -> None:
    """No command: what only reads may need approval on the host."""
    try:
        with Connection(place.exec_socket(HOST), timeout=SECONDS) as connection:
            connection.call("org.aios.Exec1.ListJobs", {})
    except ClientError as error:
        answers.told(report, f"aios-exec@{HOST}.service", error, "nothing can be run on the host")
    else:
        report.summary = "exec answers"
