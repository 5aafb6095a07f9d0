"""The sandbox that `aios-install.sh --sandbox` boots, as the tests use it."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INSTALLER = ROOT / "aios-install.sh"
SANDBOXES = Path("/var/lib/aios-sandbox")
PYTHON = "/usr/lib/aios/venv/bin/python3"

ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "TERM=dumb",
)

# Waits until a unit has one of some ActiveStates: its own PropertiesChanged says so.
WAIT_UNIT = """
import sys
from jeepney import DBusAddress, MatchRule, Properties, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

unit, *states = sys.argv[1:]
bus = open_dbus_connection("SYSTEM")
manager = DBusAddress("/org/freedesktop/systemd1", "org.freedesktop.systemd1",
                      "org.freedesktop.systemd1.Manager")
bus.send_and_get_reply(new_method_call(manager, "Subscribe"))
path = bus.send_and_get_reply(new_method_call(manager, "LoadUnit", "s", (unit,))).body[0]
rule = MatchRule(type="signal", interface="org.freedesktop.DBus.Properties", path=path)
Proxy(message_bus, bus).AddMatch(rule)
properties = Properties(DBusAddress(path, "org.freedesktop.systemd1",
                                    "org.freedesktop.systemd1.Unit"))
with bus.filter(rule) as changes:
    while True:
        state = bus.send_and_get_reply(properties.get("ActiveState")).body[0][1]
        if state in states:
            break
        bus.recv_until_filtered(changes)
"""


@dataclass(frozen=True)
class Sandbox:
    name: str

    @property
    def state(self) -> Path:
        return SANDBOXES / self.name

    @property
    def leader(self) -> int:
        return int((self.state / "leader").read_text().split()[0])

    def install(
        self, *arguments: str, input: str = "", check: bool = True, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """The installer itself, with `--sandbox --name`."""
        command = [INSTALLER, "--sandbox", "--name", self.name, *arguments]
        return _run(command, input=input, check=check, timeout=timeout)

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        machine: str = "",
        input: str = "",
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """A command in the sandbox, or in a machine of it. Not through the installer: what is
        tested there is not what is tested with it."""
        command = self._command(argv, user=user, machine=machine)
        return _run(command, input=input, check=check, timeout=timeout)

    def popen(
        self, argv: Sequence[str], *, user: str = "root", machine: str = ""
    ) -> subprocess.Popen[str]:
        """The same, left running."""
        return subprocess.Popen(
            self._command(argv, user=user, machine=machine),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _command(self, argv: Sequence[str], *, user: str, machine: str) -> list[str]:
        identity: list[str] = []
        start: list[str] = []
        if machine:
            # The machine's PID 1 expands $ in what it is asked to run.
            argv = [argument.replace("$", "$$") for argument in argv]
            start = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-M", machine,
                     f"--uid={user}", "--setenv=TERM=dumb", "--"]  # fmt: skip
        elif user != "root":
            identity = [f"--reuid={user}", f"--regid={user}", "--init-groups"]
            start = ["env", f"USER={user}", f"HOME=/home/{user}"]
        # Who kills nsenter kills what it has started: it does not do so by itself.
        return ["nsenter", "--target", str(self.leader), "--all", "--wdns=/", "--",
                "env", "-i", *ENVIRONMENT, "setpriv", "--pdeathsig=KILL", *identity, "--",
                *start, *argv]  # fmt: skip

    def machine(
        self, argv: Sequence[str], *, name: str = "aios", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A command in a machine as its root, past aios: what is really there."""
        return self.run(argv, machine=name, check=check)

    def machine_leader(self, name: str = "aios") -> str:
        """The pid of its init, as the sandbox's processes see it."""
        return self.sh(f"machinectl show {name} -p Leader --value")

    def wait_machine(self, name: str) -> None:
        """Until the machine, whose start has returned (NotifyReady=), has nothing left to start."""
        state = self.run(["systemctl", "-M", name, "is-system-running", "--wait"], check=False)
        assert state.stdout.strip() in ("running", "degraded"), state

    def wait_machine_gone(self, name: str) -> None:
        self.wait_unit(f"systemd-nspawn@{name}.service", "inactive", "failed")

    def sh(self, script: str, *, user: str = "root", machine: str = "") -> str:
        """What a script prints."""
        return self.run(["sh", "-ec", script], user=user, machine=machine).stdout.rstrip("\n")

    def python(self, script: str, *argv: str, user: str = "root") -> str:
        """What a Python script prints; it has the services' own packages."""
        return self.run([PYTHON, "-I", "-", *argv], user=user, input=script).stdout

    def call(
        self,
        service: str,
        path: str,
        interface: str,
        member: str,
        *arguments: str,
        user: str = "me",
    ) -> list[Any]:
        """A method's reply. CalledProcessError's stderr has the error's message."""
        result = self.run(
            ["busctl", "--json=short", "call", service, path, interface, member, *arguments],
            user=user,
        )
        return list(json.loads(result.stdout)["data"]) if result.stdout.strip() else []

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """journalctl's records, oldest first."""
        self.run(["journalctl", "--sync"])
        output = self.run(["journalctl", "--output=json", "--no-pager", *matches]).stdout
        return [json.loads(line) for line in output.splitlines()]

    def wait_unit(self, unit: str, *states: str, timeout: float = 60) -> None:
        self.run([PYTHON, "-I", "-", unit, *states], input=WAIT_UNIT, timeout=timeout)


def _run(
    command: Sequence[str | Path], *, input: str, check: bool, timeout: float
) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        command, input=input, capture_output=True, text=True, timeout=timeout, check=False
    )
    if check and result.returncode:
        # pytest shows an exception's notes; CalledProcessError alone does not show the output.
        error = subprocess.CalledProcessError(
            result.returncode, result.args, result.stdout, result.stderr
        )
        error.add_note(f"stdout: {result.stdout}\nstderr: {result.stderr}")
        raise error
    return result
