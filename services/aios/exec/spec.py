"""A command as the properties of its transient unit."""

import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from aios.errors import NotAuthorized
from aios.exec.limits import Limits
from aios.exec.profile import Name, Profile
from aios.exec.unit import PRE_EXEC, SLICE, STOP_USEC, Property
from aios.ids import HOST
from aios.redact import redact
from aios.text import visible

MACHINE_USER = "ai"
# The kernel lets a process into another of its user's (/proc/PID/root, with its writable mounts;
# /proc/PID/mem) only when their groups are the same as well. The user's other processes are not
# confined; 65534 is nobody's own group on all systems.
CONFINED_GROUP = "65534"
# Without a terminal nothing may wait for a key. With one, people want their pagers and prompts,
# and systemd sets TERM where the caller does not.
ENVIRONMENT = {
    "PAGER": "cat",
    "SYSTEMD_PAGER": "",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "TERM": "dumb",
}
# What nobody approved runs nothing that its words do not say.
#
# A pager's keys would run commands, as root where a line is only announced: less has none then.
# A clone can hold the files of a bare repository, whose configuration names programs: `git status`
# in there would run them. A human who approves a command may want such a repository.
UNAPPROVED = {
    "LESSSECURE": "1",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.bareRepository",
    "GIT_CONFIG_VALUE_0": "explicit",
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


def groups(machine: str, uid: int) -> tuple[str, ...]:
    """A confined command's further groups: in a machine it may read everything without any; on the
    host it reads what the person may, whose own group it would lack."""
    return () if machine != HOST else (str(pwd.getpwuid(uid).pw_gid),)


def home(machine: str, profile: str, uid: int) -> str:
    """That account's home directory; empty where only the machine knows it."""
    if profile != Name.READ_ONLY:
        return ROOT["HOME"]
    try:
        return pwd.getpwuid(uid).pw_dir if machine == HOST else ""
    except KeyError:
        return ""


@dataclass(frozen=True)
class Spec:
    """All of a unit but its descriptors."""

    command: str
    profile: Profile
    account: str
    cwd: str
    env: Mapping[str, str]
    limits: Limits
    groups: tuple[str, ...] = ()
    scratch: str = ""
    """The name of a directory under /run that the command may write in (TMPDIR), gone with the
    unit: even what only reads needs one, as apt-cache does. Empty: none."""
    terminal: str = ""
    """The terminal that is all three of its streams, as the machine names it (/dev/pts/N)."""

    def properties(self) -> list[Property]:
        environment = ({} if self.terminal else ENVIRONMENT) | (
            ROOT if self.account == "root" else {}
        )
        if self.profile.name is not Name.FULL:
            environment |= UNAPPROVED
        if self.scratch:
            environment |= {"TMPDIR": f"/run/{self.scratch}"}
        environment |= self.env
        return [
            ("Description", ("s", f"aios: {_short(redact(self.command))}")),
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
            ("WorkingDirectory", ("s", self.cwd or self._home())),
            ("Environment", ("as", [f"{name}={value}" for name, value in environment.items()])),
            # It stays when it has ended, until its result has been read by whichever exec there is
            # then.
            ("RemainAfterExit", ("b", True)),
            # Not journald, which would be a dependency: they have descriptors, or a terminal.
            ("StandardOutput", ("s", "null")),
            ("StandardError", ("s", "null")),
            ("SuccessExitStatus", ("(aiai)", (_STATUSES, _SIGNALS))),
            ("TimeoutStopUSec", ("t", STOP_USEC)),
            # As in a shell: `yes | head` ends without an error message.
            ("IgnoreSIGPIPE", ("b", False)),
            *self._terminal(),
            *self._confined(),
            *self.profile.properties(),
            *self.limits.properties(self.profile),
        ]

    def _terminal(self) -> list[Property]:
        if not self.terminal:
            return []
        return [
            ("StandardInput", ("s", "tty")),
            ("StandardOutput", ("s", "tty")),
            ("StandardError", ("s", "tty")),
            ("TTYPath", ("s", self.terminal)),
            # A shell in there takes no notice of SIGTERM.
            ("SendSIGHUP", ("b", True)),
        ]

    def _home(self) -> str:
        """Where it begins, if that is there. `~` is that of User=."""
        return "-~" if self.profile.confined else f"-{ROOT['HOME']}"

    def _confined(self) -> list[Property]:
        found: list[Property] = []
        if self.profile.confined:
            # Whoever is not confined is root, as systemd is: told so, it looks root up in the
            # child, and tells everybody of that.
            found = [("User", ("s", self.account)),
                     ("Group", ("s", CONFINED_GROUP)),
                     ("SupplementaryGroups", ("as", list(self.groups)))]  # fmt: skip
        if self.scratch:
            found += [("RuntimeDirectory", ("as", [self.scratch])),
                      ("RuntimeDirectoryMode", ("u", 0o700))]  # fmt: skip
        return found


def _short(command: str) -> str:
    text = visible(" ".join(command.split()))
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…"


def descriptors(stdin: int | None, stdout: int, stderr: int) -> list[Property]:
    """The streams of a command without a terminal. stdin None: /dev/null."""
    found: list[Property] = [
        ("StandardOutputFileDescriptor", ("h", stdout)),
        ("StandardErrorFileDescriptor", ("h", stderr)),
    ]
    if stdin is not None:
        found.append(("StandardInputFileDescriptor", ("h", stdin)))
    return found
