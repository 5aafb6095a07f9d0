"""build.zsh's arguments, and the entry point where no container is."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUILD = ROOT / "build.zsh"
needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")


def run(*argv: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env=environment or None,
    )  # fmt: skip


def test_without_zsh_it_says_what_to_install(tmp_path: Path) -> None:
    said = run("/bin/sh", BUILD, PATH=str(tmp_path))
    assert said.returncode == 1
    assert said.stderr.startswith("aios: error: build.zsh needs zsh\n")
    assert "apt-get install zsh" in said.stderr


@needs_zsh
def test_help() -> None:
    said = run(BUILD, "--help")
    assert (said.returncode, said.stderr) == (0, "")
    for word in ("tarball", "oci", "image", "--output", "--distro", "--release", "SOURCE_DATE"):
        assert word in said.stdout


@needs_zsh
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["iso"], "unknown argument: iso"),
        (["--distro", "fedora"], "images are made of debian or arch, not of fedora"),
        (["--release", "../x"], "not the name of a release: ../x"),
        (["oci", "--output"], "--output needs a value"),
    ],
)
def test_what_is_not_right_builds_nothing(argv: list[str], message: str) -> None:
    said = run(BUILD, *argv)
    assert said.returncode == 2
    assert said.stderr.splitlines()[0] == f"aios: error: {message}"


def test_the_entry_point_is_for_a_containers_pid_1() -> None:
    said = run("/usr/bin/python3", "-IS", ROOT / "image/systemd")
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
