"""Images that build.zsh has made, as the tests use them."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
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
class Contents:
    """Of a tarball, names beginning with /."""

    members: dict[str, tarfile.TarInfo]
    texts: dict[str, str]

    @classmethod
    def read(cls, tarball: Path, *texts: str) -> "Contents":
        """With the text of those files that are named and there."""
        held = cls({}, {})
        # Once through: going back would be unpacking it again.
        with tarfile.open(tarball, "r|gz") as tar:
            for member in tar:
                name = member.name.removeprefix(".")
                held.members[name] = member
                if name in texts and (file := tar.extractfile(member)):
                    held.texts[name] = file.read().decode()
        return held


def archives(sources: str) -> set[tuple[str, str]]:
    """Host and suite of each, of lines or of paragraphs."""
    lines = re.findall(r"^deb https?://([^/]+)/\S* (\S+) main", sources, re.MULTILINE)
    paragraphs = re.findall(
        r"^URIs: https?://([^/]+)/.*\nSuites: (.+)\nComponents: main", sources, re.MULTILINE
    )
    return {*lines, *((host, suite) for host, suites in paragraphs for suite in suites.split())}


@dataclass(frozen=True)
class Booted:
    """An image in a machine of its own, on a host whose aios leaves it alone."""

    sandbox: Sandbox
    name: str

    def sh(self, script: str, *, user: str = "root", check: bool = True) -> str:
        done = self.sandbox.run(["sh", "-ec", script], machine=self.name, user=user, check=check)
        return str(done.stdout)


def boot(sandbox: Sandbox, file: Path, name: str) -> Booted:
    """`machinectl import-tar` (or import-raw) and `systemctl start`, as people do it."""
    verb = "import-raw" if file.suffix == ".raw" else "import-tar"
    inside = sandbox.state / "tree/var/tmp" / file.name
    subprocess.run(["cp", "--sparse=always", file, inside], check=True)
    units = [f"aios-attach@{name}.service", f"aios-exec@{name}.socket"]
    sandbox.run(["systemctl", "mask", "--now", *units])
    sandbox.run(["machinectl", verb, f"/var/tmp/{file.name}", name], timeout=300)
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


@contextlib.contextmanager
def running(sandbox: Sandbox, file: Path, name: str) -> Iterator[Booted]:
    try:
        yield boot(sandbox, file, name)
    finally:
        remove(Booted(sandbox, name))


@contextlib.contextmanager
def loop_devices(sandbox: Sandbox) -> Iterator[None]:
    """The sandbox may use them, and has no udev that would make their nodes."""
    sandbox.sh("mknod /dev/loop-control c 10 237")
    try:
        sandbox.sh("for i in $(seq 0 63); do [ -e /dev/loop$i ] || mknod /dev/loop$i b 7 $i; done")
        yield
    finally:
        sandbox.sh("rm -f /dev/loop*")
