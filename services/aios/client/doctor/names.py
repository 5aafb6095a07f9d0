"""The names on the bus: whether calls can start them, who owns them, who may call."""

from pathlib import Path

from aios.attach import bus_files
from aios.client.doctor import tools
from aios.client.doctor.host import SERVICES, Host
from aios.client.doctor.report import INSTALL, Report
from aios.ids import HOST, exec_bus_name

BUS_POLICY = Path("/usr/share/dbus-1/system.d/org.aios.conf")
RELOAD = "busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig"


def check(host: Host) -> Report:
    report = Report("bus")
    owners = {f"org.aios.{name.removeprefix('aios-').title()}1": name for name in SERVICES}
    owners["org.aios.Machine1"] = "root"
    owners |= {exec_bus_name(name): "root" for name in (HOST, *host.leaders)}
    known = {
        name["name"]: name["user"]
        for name in tools.told_json("busctl", "--json=short", "list")
        if not name["name"].startswith(":")
    }
    if not BUS_POLICY.exists():
        report.fault(
            str(BUS_POLICY), "is not there: no service can have its name, nobody may call", INSTALL
        )
    for machine in host.leaders:
        _machine(report, machine)
    told = " ".join(finding.subject for finding in report.findings)
    for name, owner in owners.items():
        if name not in known:
            if f"{name}.service" not in told:
                report.fault(name, "is not known to the bus: calls cannot start it", RELOAD)
        elif known[name] not in (None, owner):
            report.fault(
                name, f"is owned by {known[name]}, not by {owner}",
                f"busctl status {name} says by whom",
            )  # fmt: skip
    report.summary = f"{len(owners)} names can be called"
    return report


def _machine(report: Report, machine: str) -> None:
    """Its own files, which come with each start."""
    name = exec_bus_name(machine)
    attach = f"systemctl start aios-attach@{machine}.service"
    for path, wanted, without in (
        (bus_files.BUS_POLICY / f"{name}.conf", bus_files.policy(machine), "nobody may call"),
        (bus_files.ACTIVATION / f"{name}.service", bus_files.activation(machine),
         "calls cannot start it"),
    ):  # fmt: skip
        try:
            found = path.read_text()
        except FileNotFoundError:
            report.fault(str(path), f"is not there: exec of {machine}: {without}", attach)
        except OSError as error:
            report.unseen.append(f"{path}: {error.strerror}")
        else:
            if found != wanted:
                report.fault(str(path), f"is not what aios wrote for {machine}", attach)
