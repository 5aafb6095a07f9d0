"""`aios machine`, and a machine that is made in no time."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from sandbox import Sandbox

# It does not boot.
SMALL = """
mkdir -p /var/lib/machines/{name}/etc /var/lib/machines/{name}/usr/bin
cd /var/lib/machines/{name}
echo 'NAME="Small"\nPRETTY_NAME="Small 1"\nID=small' >etc/os-release
echo {id} >etc/machine-id
echo {name} >etc/hostname
ln -s /outside usr/bin/python3
chown -R 1234567168:1234567168 .
chown 1234567268:1234567168 etc/hostname
"""
ID = "1" * 32


def aios(
    sandbox: Sandbox, *arguments: str, user: str = "me", check: bool = True, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str] = sandbox.run(
        ["aios", "machine", *arguments], user=user, check=check, timeout=timeout
    )
    return done


def show(sandbox: Sandbox, name: str) -> dict[str, Any]:
    return dict(json.loads(aios(sandbox, "show", name, "--json").stdout))


def listed(sandbox: Sandbox) -> dict[str, str]:
    found = json.loads(aios(sandbox, "list", "--json").stdout)
    return {one["name"]: one["state"] for one in found}


@contextlib.contextmanager
def twin(sandbox: Sandbox, name: str) -> Iterator[str]:
    """Made with plain machinectl from the machine aios; both run."""
    sandbox.run(["machinectl", "stop", "aios"])
    sandbox.wait_machine_gone("aios")
    sandbox.run(["machinectl", "clone", "aios", name])
    for each in ("aios", name):
        sandbox.run(["systemctl", "start", f"systemd-nspawn@{each}"])
        sandbox.wait_machine(each)
    yield name
    sandbox.run(["machinectl", "stop", name])
    sandbox.wait_machine_gone(name)
    sandbox.run(["machinectl", "remove", name])
