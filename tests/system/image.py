"""Images that build.zsh has made, as the tests use them."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox import ROOT, Sandbox

TARBALL = "aios-bootstrap.tar.gz"
ARCHIVE = "aios-oci.tar"
DISK = "aios.raw"


def build(
    directory: Path, *arguments: str, timeout: float = 1800, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [ROOT / "build.zsh", *arguments, "--output", directory], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=timeout, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


@dataclass(frozen=True)
class Booted:
    """An image in a machine of its own, on a host whose aios leaves it alone."""

    sandbox: Sandbox
    name: str

    def sh(self, script: str, *, user: str = "root", check: bool = True) -> str:
        done = self.sandbox.run(["sh", "-ec", script], machine=self.name, user=user, check=check)
        return str(done.stdout)


def boot(sandbox: Sandbox, tarball: Path, name: str) -> Booted:
    """`machinectl import-tar` and `systemctl start`, as people do it."""
    inside = sandbox.state / "tree/var/tmp" / tarball.name
    shutil.copy(tarball, inside)
    units = [f"aios-attach@{name}.service", f"aios-exec@{name}.socket"]
    sandbox.run(["systemctl", "mask", "--now", *units])
    sandbox.run(["machinectl", "import-tar", f"/var/tmp/{tarball.name}", name], timeout=300)
    inside.unlink()
    settings = sandbox.state / f"tree/etc/systemd/nspawn/{name}.nspawn"
    shutil.copy(ROOT / "cfg/nspawn/aios.nspawn", settings)
    sandbox.run(["systemctl", "start", f"systemd-nspawn@{name}"], timeout=120)
    return Booted(sandbox, name)


def govern(booted: Booted) -> None:
    """From its next start on the host's aios has it."""
    units = [f"aios-attach@{booted.name}.service", f"aios-exec@{booted.name}.socket"]
    booted.sandbox.run(["systemctl", "unmask", *units])


def remove(booted: Booted) -> None:
    sandbox, name = booted.sandbox, booted.name
    units = [f"systemd-nspawn@{name}.service", f"aios-exec@{name}.socket"]
    sandbox.run(["systemctl", "stop", *units], check=False)
    sandbox.run(["machinectl", "remove", name], check=False, timeout=300)
    govern(booted)
    sandbox.run(["rm", "-f", f"/etc/systemd/nspawn/{name}.nspawn"])
