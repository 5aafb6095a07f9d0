"""Whether each unit is there, as it was installed, and in the state that it should have."""

from collections.abc import Mapping
from pathlib import Path

from aios.client.doctor import tools
from aios.client.doctor.host import ENABLED, SERVICES, SOCKETS, TEMPLATES, UNITS, Host, units_of
from aios.client.doctor.report import INSTALL, Report

UNIT_FILES = Path("/usr/lib/systemd/system")
DROP_IN = "systemd-nspawn@.service.d/10-aios.conf"


def check(host: Host) -> Report:
    report = Report("units")
    for name in UNITS:
        _unit(report, name, host.unit(name))
    for name in TEMPLATES:
        if not (UNIT_FILES / name).exists():
            report.fault(name, "is not installed", INSTALL)
    for machine in host.machines:
        for name in units_of(machine):
            started = name == f"aios-exec@{machine}.service"
            if host.unit(name).get("ActiveState") == "failed" and not started:
                _failed(report, name, host.unit(name))
        nspawn = host.unit(units_of(machine)[0])
        if nspawn and DROP_IN not in nspawn.get("DropInPaths", ""):
            report.fault(
                DROP_IN, f"does not reach machine {machine}: it starts without aios",
                INSTALL if not (UNIT_FILES / DROP_IN).exists() else "systemctl daemon-reload",
            )  # fmt: skip
    if any(unit.get("NeedDaemonReload") == "yes" for unit in host.units.values()):
        report.warn("systemd", "has other unit files than the disk", "systemctl daemon-reload")
    _verify(report)
    report.summary = f"{len(UNITS)} there, none failed; sockets listen"
    return report


def _unit(report: Report, name: str, unit: Mapping[str, str]) -> None:
    enabled = name in ENABLED
    match unit.get("LoadState"):
        case "masked":
            then = f"systemctl enable --now {name}" if enabled else ""
            mend = " && ".join(filter(None, (f"systemctl unmask {name}", then)))
            report.fault(name, "is masked: nothing can start it", mend)
            return
        case "not-found":
            report.fault(name, "is not there", INSTALL)
            return
        case "loaded":
            pass
        case state:
            report.fault(name, f"cannot be loaded ({state})", f"systemd-analyze verify {name}")
            return
    state = unit.get("ActiveState")
    # Of what callers start, it matters whether it answers them: others look at that.
    if state == "failed" and name.removesuffix(".service") not in (*SERVICES, "aios-exec@.host"):
        _failed(report, name, unit)
    elif (name in SOCKETS or name.endswith(".timer")) and state != "active":
        what = "does not listen" if name in SOCKETS else "does not run"
        report.fault(name, f"{what} ({state})", f"systemctl start {name}")
    if enabled and unit.get("UnitFileState") not in ("enabled", "enabled-runtime"):
        report.fault(name, "is not enabled: gone after a reboot", f"systemctl enable {name}")


def _failed(report: Report, name: str, unit: Mapping[str, str]) -> None:
    report.fault(
        name, f"has failed ({unit.get('Result')})",
        f"journalctl -xeu {name}; then systemctl reset-failed {name} && systemctl start {name}",
    )  # fmt: skip


def _verify(report: Report) -> None:
    """What systemd itself has to say of the files, an administrator's drop-ins among them."""
    there = [name for name in (*UNITS, *TEMPLATES) if (UNIT_FILES / name).exists()]
    done = tools.ask("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *there)
    known = {finding.subject for finding in report.findings}
    for line in done.stderr.splitlines():
        subject, _, what = line.partition(": ")
        name = Path(subject.partition(":")[0]).name
        if "aios" in line and name not in known and what:
            report.fault(name, what, f"systemctl cat {name}; systemd-analyze verify {name}")
