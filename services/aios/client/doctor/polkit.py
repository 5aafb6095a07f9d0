"""Whether polkit answers, knows aios's actions, and has its rules."""

import os
from pathlib import Path

from aios.client import system_bus
from aios.client.doctor import tools
from aios.client.doctor.host import Host
from aios.client.doctor.report import INSTALL, Report

ACTIONS = ("org.aios.policy.approve", "org.aios.policy.approve-session")
ACTIONS_FILE = Path("/usr/share/polkit-1/actions/org.aios.policy")
RULES = Path("/usr/share/polkit-1/rules.d/50-aios.rules")
WITHOUT = "nobody approves with a plain y, memory cannot attach machines"
_NOT_AUTHORIZED = (1, 2, 3)


def check(host: Host) -> Report:
    report = Report("polkit", "answers; actions and rules are there")
    for action in ACTIONS:
        done = tools.ask("pkaction", "--action-id", action)
        if done.returncode and "No action" in done.stdout + done.stderr:
            what = "is not known to polkit: nothing can be approved"
            report.fault(action, what, _mend(ACTIONS_FILE))
        elif done.returncode:
            report.fault(
                "polkit", f"does not answer: {_last(done.stderr)}",
                "systemctl restart polkit.service; journalctl -xeu polkit.service",
            )  # fmt: skip
            return report
    _rules(report, host)
    return report


def _rules(report: Report, host: Host) -> None:
    """The directory is polkit's own: others can only ask what comes of the rules."""
    if host.root:
        if not RULES.exists():
            report.fault(str(RULES), f"is not there: {WITHOUT}", INSTALL)
    elif system_bus.needs_password():
        report.unseen.append(f"{RULES} is for root to read")
    else:
        done = tools.ask("pkcheck", "--action-id", ACTIONS[0], "--process", str(os.getpid()))
        if done.returncode in _NOT_AUTHORIZED:
            report.fault(
                "50-aios.rules", "does not hold: you are in aios-admin and would be asked for a"
                " password", _mend(RULES),
            )  # fmt: skip


def _mend(path: Path) -> str:
    return "systemctl restart polkit.service" if _there(path) else INSTALL


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
