"""A newcomer's machine: a tree with the packages that every Debian has, entered as a privileged
container is, without systemd as PID 1 and with nothing in a cache. The README's two commands.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from virtual_machine import image

pytestmark = pytest.mark.long

# How pip reaches its index from here holds in there as well.
SETTINGS = ("PIP_INDEX_URL", "http_proxy", "https_proxy", "no_proxy")
CERTIFICATE = "/run/pip.crt"


@dataclass(frozen=True)
class Newcomer:
    tree: Path

    def run(self, *command: str, input: str = "") -> str:
        """What a command in the checkout prints. What it leaves running ends with it."""
        settings = {name: os.environ[name] for name in SETTINGS if name in os.environ}
        binds = []
        if certificate := os.environ.get("PIP_CERT"):
            binds = [f"--bind-ro={certificate}:{CERTIFICATE}"]
            settings["PIP_CERT"] = CERTIFICATE
        done = subprocess.run(
            [
                "systemd-nspawn", "--quiet", "--as-pid2", "--pipe", "--register=no", "--keep-unit",
                "--capability=all", "--resolv-conf=copy-host", f"--directory={self.tree}",
                "--chdir=/root/aios", *binds,
                *(f"--setenv={name}={value}" for name, value in settings.items()),
                "--", *command,
            ],
            env={
                "PATH": os.environ["PATH"],
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
            },
            input=input, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def newcomer(request: pytest.FixtureRequest) -> Iterator[Newcomer]:
    release = request.config.getoption("--release") or "bookworm"
    with tempfile.TemporaryDirectory(prefix="newcomer-", dir="/var/tmp") as directory:
        tree = Path(directory) / "tree"
        image(release, "tree", str(tree))
        checkout = tree / "root/aios"
        checkout.mkdir()
        image(release, "checkout", f"{tree}.tar")
        subprocess.run(["tar", "-C", checkout, "-xf", f"{tree}.tar"], check=True)
        yield Newcomer(tree)


def test_the_prompt(newcomer: Newcomer) -> None:
    said = newcomer.run(
        "./aios-install.sh", "--sandbox", input="show disk usage of /var\nwhat did I just run?\n"
    )
    assert "$ du -sh /var" in said
    assert "You just ran `du -sh /var`" in said


@pytest.mark.parametrize("part", [["--unit"], ["--system", "-k", "system and test_limits"]])
def test_the_tests(newcomer: Newcomer, part: list[str]) -> None:
    said = newcomer.run("./tests/run", *part)
    assert " passed" in said
