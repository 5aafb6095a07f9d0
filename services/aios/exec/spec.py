"""A command as the properties of its transient unit."""

import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from aios.errors import NotAuthorized
from aios.exec.profile import Profile
from aios.exec.unit import PRE_EXEC, STOP_USEC, Property
from aios.ids import HOST
from aios.text import visible

SLICE = "aios.slice"
MACHINE_USER = "ai"
# Without a terminal nothing may wait for a key.
ENVIRONMENT = {
    "PAGER": "cat",
    "SYSTEMD_PAGER": "",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "TERM": "dumb",
}
# systemd sets these for other users, from the machine's own accounts.
ROOT = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash"}
MAX_DESCRIPTION = 80
_SIGNALS = list(range(1, 32))
# A command that fails is no unit that fails: the machine's `systemctl --failed` is not for it.
# systemd's own exit statuses stay failures.
_STATUSES = [status for status in range(1, 256) if status not in PRE_EXEC]


def account(machine: str, profile: Profile, uid: int) -> str:
    """Whom the command runs as: root, or for a confined profile the machine's user `ai`, on the
    host the person who asked (`uid`)."""
    if not profile.confined:
        return "root"
    if machine != HOST:
        return MACHINE_USER
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise NotAuthorized(f"uid {uid} is nobody on the host") from error


@dataclass(frozen=True)
class Spec:
    """All of a unit but its descriptors."""

    command: str
    profile: Profile
    account: str
    cwd: str
    env: Mapping[str, str]
    timeout_usec: int
    kept: bool = True
    """The unit stays when it has ended, until its result has been read by whichever exec there is
    then; else it is gone with the one that started it."""

    def properties(self) -> list[Property]:
        environment = ENVIRONMENT | (ROOT if self.account == "root" else {}) | dict(self.env)
        return [
            ("Description", ("s", f"aios: {_short(self.command)}")),
            ("Type", ("s", "exec")),
            # The command as it was approved: systemd puts values in for ${VAR}, and $$ is its $.
            # Not ExecStartEx with no-env-expand: systemd 252 cannot read that back when it
            # reloads, as many an `apt install` has it do, and forgets the unit's other settings.
            (
                "ExecStart",
                (
                    "a(sasb)",
                    [("/bin/bash", ["bash", "-c", self.command.replace("$", "$$")], False)],
                ),
            ),
            ("Slice", ("s", SLICE)),
            ("User", ("s", self.account)),
            ("WorkingDirectory", ("s", self.cwd or "-~")),
            ("Environment", ("as", [f"{name}={value}" for name, value in environment.items()])),
            ("RemainAfterExit", ("b", self.kept)),
            ("CollectMode", ("s", "inactive" if self.kept else "inactive-or-failed")),
            ("AddRef", ("b", True)),
            ("SuccessExitStatus", ("(aiai)", (_STATUSES, _SIGNALS))),
            ("KillMode", ("s", "control-group")),
            ("TimeoutStopUSec", ("t", STOP_USEC)),
            ("RuntimeMaxUSec", ("t", self.timeout_usec)),
            # As in a shell: `yes | head` ends without an error message.
            ("IgnoreSIGPIPE", ("b", False)),
            *self.profile.properties(),
        ]


def _short(command: str) -> str:
    text = visible(" ".join(command.split()))
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…"


def streams(stdout: int, stderr: int) -> list[Property]:
    """stdin is /dev/null."""
    return [
        ("StandardOutputFileDescriptor", ("h", stdout)),
        ("StandardErrorFileDescriptor", ("h", stderr)),
    ]
