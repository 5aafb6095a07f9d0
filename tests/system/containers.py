"""What runs the OCI archive in the sandbox: podman for root and for anybody else, docker."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from image import ARCHIVE, ROOT
from sandbox import Sandbox

NAME = "ghcr.io/syui/aios:latest"
# What this sandbox lacks: controllers, limits that may be raised, keyrings for its units, a network
# and sysctls to set up. Rights are left as podman has them.
SETTINGS = """
[containers]
default_sysctls = []
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
keyring = false
netns = "none"
pids_limit = 0
[engine]
cgroup_manager = "{manager}"
runtime = "{runtime}"
"""


def install(sandbox: Sandbox, *packages: str) -> None:
    script = "apt-get update -q && apt-get install -q -y --no-install-recommends "
    sandbox.run(["sh", "-ec", script + " ".join(packages)], timeout=600)


@contextlib.contextmanager
def inside(sandbox: Sandbox, archive: Path) -> Iterator[str]:
    """Where the sandbox has it."""
    copy = sandbox.state / "tree/var/tmp" / ARCHIVE
    shutil.copy(archive, copy)
    copy.chmod(0o644)
    try:
        yield f"/var/tmp/{ARCHIVE}"
    finally:
        copy.unlink()


def podman(sandbox: Sandbox, archive: Path) -> None:
    """root's, with runc, and the short name as cfg/ has it."""
    install(sandbox, "podman", "runc")
    containers = sandbox.state / "tree/etc/containers"
    settings = SETTINGS.format(manager="cgroupfs", runtime="runc")
    (containers / "containers.conf").write_text(settings)
    alias = Path("registries.conf.d/aios.conf")
    shutil.copy(ROOT / "cfg/containers" / alias, containers / alias)
    with inside(sandbox, archive) as file:
        sandbox.run(["podman", "load", "--quiet", "--input", file], timeout=300)


class Rootless:
    """podman with crun as somebody else than root, in a session with a systemd of its own."""

    def __init__(self, sandbox: Sandbox, archive: Path) -> None:
        self._sandbox, self._user = sandbox, "rootless"
        install(sandbox, "podman", "crun", "uidmap", "dbus-user-session")
        sandbox.run(["useradd", "--create-home", self._user])
        sandbox.run(["loginctl", "enable-linger", self._user])
        settings = SETTINGS.format(manager="systemd", runtime="crun")
        own = sandbox.state / f"tree/home/{self._user}/containers.conf"
        own.write_text(settings)
        with inside(sandbox, archive) as file:
            self.run("load", "--quiet", "--input", file)

    def run(
        self, *arguments: str, input: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        session = ["systemd-run", "--quiet", f"--machine={self._user}@.host", "--user", "--pipe",
                   "--wait", "--collect", "--",
                   "env", f"CONTAINERS_CONF=/home/{self._user}/containers.conf"]  # fmt: skip
        return self._sandbox.run(
            [*session, "podman", *arguments], input=input, check=check, timeout=300
        )

    def remove(self) -> None:
        self._sandbox.run(["loginctl", "disable-linger", self._user])
        self._sandbox.run(["systemctl", "stop", f"user-{self._user}.slice"], check=False)
        self._sandbox.run(["userdel", "--force", "--remove", self._user], check=False)


@contextlib.contextmanager
def docker(sandbox: Sandbox, archive: Path) -> Iterator[None]:
    """A daemon beside systemd, whose units may not have what a container's start needs."""
    sandbox.run(["systemctl", "mask", "docker.service", "docker.socket", "containerd.service"])
    install(sandbox, "docker.io")
    options = ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
    daemon = sandbox.popen(["dockerd", "--group=root", *options])
    try:
        assert daemon.stderr is not None
        said = ""
        while "API listen on" not in said:
            said = daemon.stderr.readline()
            assert said, "dockerd has ended"
        with inside(sandbox, archive) as file:
            sandbox.run(["docker", "load", "--quiet", "--input", file], timeout=300)
        yield
    finally:
        # Not nsenter, which waits for it.
        sandbox.sh("kill $(cat /run/docker.pid)")
        daemon.communicate(timeout=60)
