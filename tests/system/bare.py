"""A sandbox in which aios is not installed yet, and what its file system holds."""

import hashlib
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import ROOT, SANDBOXES, Sandbox

SOURCES = ("aios-install.sh", "install", "pyproject.toml", "services", "units", "polkit", "cfg")
SOURCE = "/usr/src/aios"
KEYS = "/etc/credstore.encrypted"

# What changes while a system runs, whoever does what there; where the tests themselves write.
VOLATILE = (
    "var/log", "var/tmp", "var/lib/systemd", "var/cache/ldconfig", "usr/src", "root", "dev",
    "etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-",
    "etc/subgid-",
)  # fmt: skip


@dataclass(frozen=True)
class Bare:
    sandbox: Sandbox
    machine_tree: str
    digests: dict[tuple[int, int, int], str] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        return self.sandbox.state / "tree"

    def put_sources(self, directory: str = SOURCE) -> Path:
        """A checkout's copy in there, as the sandbox has it."""
        target = self.tree / directory[1:]
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        target.mkdir(parents=True)
        for name in SOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target / name, ignore=ignore)
            else:
                shutil.copy(ROOT / name, target)
        return target

    def install(
        self, *arguments: str, source: str = SOURCE, input: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """The installer as on a host, for `me`."""
        return self.sandbox.run(
            self.command(*arguments, source=source), input=input, check=check, timeout=300
        )

    def command(self, *arguments: str, source: str = SOURCE) -> list[str]:
        return ["env", "SUDO_USER=me", "HOME=/root", "AIOS_CACHE=/run/host/aios-cache",
                f"AIOS_MACHINE_TREE={self.machine_tree}", f"{source}/aios-install.sh",
                *arguments]  # fmt: skip

    def immutable(self, path: str, *, on: bool) -> None:
        """By this machine's tool: a minimal one has none."""
        subprocess.run(["chattr", "+i" if on else "-i", self.tree / path[1:]], check=True)

    def state(self, *besides: str) -> dict[str, str]:
        """Each path with what it is and holds."""
        return {path: what for path, (what, _) in self._walk(besides).items()}

    def exact(self, *besides: str) -> dict[str, tuple[str, tuple[int, ...]]]:
        """The same with inode and times: whether anything was written at all."""
        return self._walk(besides)

    def _walk(self, besides: tuple[str, ...]) -> dict[str, tuple[str, tuple[int, ...]]]:
        found = {}
        ignored = {*VOLATILE, *besides}
        for directory, subdirectories, names in os.walk(self.tree):
            here = Path(directory)
            below = "" if here == self.tree else f"{here.relative_to(self.tree)}/"
            subdirectories[:] = [name for name in subdirectories if below + name not in ignored]
            for name in (*names, *subdirectories):
                if below + name not in ignored:
                    found[below + name] = self._one(here / name)
        return found

    def _one(self, path: Path) -> tuple[str, tuple[int, ...]]:
        status = path.lstat()
        what = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
        if stat.S_ISLNK(status.st_mode):
            what += f" {path.readlink()}"
        elif stat.S_ISREG(status.st_mode):
            key = (status.st_ino, status.st_ctime_ns, status.st_size)
            if key not in self.digests:
                self.digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()
            what += f" {self.digests[key]}"
        return what, (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


def boot(name: str, release: str) -> Bare:
    """A new sandbox, up."""
    script = (
        "SOURCE=$1; for part in log packages cache wheels trees sandbox; do"
        ' . "$1/install/$part.sh"; done; sandbox_boot "$2" "${3:-$(default_release)}" yes'
    )
    subprocess.run(["bash", "-euc", script, "bash", ROOT, name, release], check=True)
    made = Bare(
        Sandbox(name),
        str(
            Path("/run/host/aios-cache/trees")
            / Path((SANDBOXES / name / "machine-tree").read_text().strip()).name
        ),
    )
    # The distribution's own jobs would change files between two looks at them.
    made.sandbox.run(["systemctl", "stop", "*.timer"])
    made.sandbox.run(["useradd", "--create-home", "--shell", "/bin/bash", "me"])
    made.put_sources()
    return made
