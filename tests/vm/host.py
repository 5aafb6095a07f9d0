"""aios on a host of its own: a bare Debian machine on which the README's first command has
run, from a clean checkout. What it fetches comes from this machine's cache, except packages.
"""

import json
import shlex
import time
from collections.abc import Callable
from typing import Any

from virtual_machine import CACHE, CHECKOUT, Ran, VirtualMachine


class Host:
    before: set[str]
    """The accounts before the first command."""
    installed: Ran
    seconds: dict[str, float]
    """What took how long."""

    def __init__(self, release: str) -> None:
        self.release = release
        self.machine = VirtualMachine(release)
        self.seconds = {}

    def prepare(self) -> None:
        self._took("boot", self.machine.start)
        self.before = self.accounts()
        self.machine.unpack()
        self._took("install", self._install)

    def _took(self, what: str, step: Callable[[], None]) -> None:
        began = time.monotonic()
        step()
        self.seconds[what] = time.monotonic() - began

    def _install(self) -> None:
        self.installed = self.aios_install()

    def aios_install(self, *arguments: str, check: bool = True) -> Ran:
        return self.machine.run(
            f"cd {CHECKOUT} && AIOS_CACHE={CACHE} AIOS_MACHINE_TREE=$(echo {CACHE}/trees/machine-*)"
            f" ./aios-install.sh {shlex.join(arguments)}",
            check=check,
        )

    def run(self, script: str, *, check: bool = True) -> Ran:
        return self.machine.run(script, check=check)

    def accounts(self) -> set[str]:
        """Names of users and groups."""
        lines = self.run("getent passwd; getent group").stdout.splitlines()
        return {line.partition(":")[0] for line in lines}

    def exec(
        self, command: str, *, machine: str = "aios", **limits: int
    ) -> tuple[int, str, str, dict[str, Any]]:
        """(exit status, stdout, stderr, details) of a command that needs no approval."""
        ran = self.run(call(command, machine=machine, **limits))
        return answer(ran.stdout)

    def stop(self) -> None:
        """Also while it is being prepared, from another thread."""
        self.machine.stop()

    def close(self) -> None:
        self.machine.close()


def call(command: str, *, machine: str = "aios", **limits: int) -> str:
    """The README's busctl, as a line of shell."""
    name = machine.replace(".", "_2e")
    options = [word for key, value in limits.items() for word in (key, "t", str(value))]
    return shlex.join([
        "busctl", "--json=short", "--timeout=1800", "call", f"org.aios.Exec1.{name}",
        "/org/aios/Exec1", "org.aios.Exec1", "Run", "sa{sv}", command, str(len(limits)), *options,
    ])  # fmt: skip


def answer(reply: str) -> tuple[int, str, str, dict[str, Any]]:
    status, out, err, details = json.loads(reply)["data"]
    return status, out, err, {key: item["data"] for key, item in details.items()}
