"""The shell parts of the installer that only say something."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INSTALLER = ROOT / "aios-install.sh"
DISTRIBUTIONS = ("debian", "arch", "fedora")
PARTS = ("host", "sandbox", "boot", "trees", "machine", "test")


def part(script: str, *parts: str) -> subprocess.CompletedProcess[str]:
    sources = "".join(f'. "$SOURCE/install/{name}.sh"\n' for name in ("log", *parts))
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\nSOURCE={ROOT}\n{sources}{script}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("needs", PARTS)
def test_every_part_has_its_packages_everywhere(needs: str, distribution: str) -> None:
    assert part(f"packages_for {needs} {distribution}", "packages").stdout.split()


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["--user"], ["--purge"], ["--yes"], ["--down"], ["--fresh"],
    ["--uninstall", "--user", "me"], ["--uninstall", "--no-machine"], ["--prefix", "/home/x"],
    ["--prefix", "relative"], ["--prefix", "/a b"], ["--prefix", "/opt/../home"],
    ["--prefix", "/tmp"], ["--distro", "plan9"], ["--user", "nobody-of-that-name"],
    ["--api-key", "sk-secret"], ["--sandbox", "--dry-run"], ["--sandbox", "--api-key"],
    ["--sandbox", "--name", "../x"], ["--", "true"],
])  # fmt: skip
def test_a_wrong_call_is_refused(arguments: list[str]) -> None:
    result = subprocess.run([INSTALLER, *arguments], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("aios: error: "), result.stderr
    # What was meant as a key is not said again.
    assert "sk-secret" not in result.stderr


def test_the_help_names_every_option() -> None:
    said = subprocess.run([INSTALLER, "--help"], capture_output=True, text=True, check=True).stdout
    for option in ("--dry-run", "--uninstall", "--purge", "--user", "--prefix", "--no-machine",
                   "--distro", "--api-key", "--sandbox", "--yes", "--help"):  # fmt: skip
        assert f"{option}" in said


@pytest.mark.parametrize(
    ("environment", "user"),
    [
        ("", ""),
        ("SUDO_USER=ann", "ann"),
        ("SUDO_USER=root", ""),
        ("DOAS_USER=ann", "ann"),
        ("PKEXEC_UID=0", ""),
        ("AIOS_USER=bob SUDO_USER=ann", "bob"),
    ],
)
def test_who_installs(environment: str, user: str) -> None:
    clean = "unset AIOS_USER SUDO_USER DOAS_USER PKEXEC_UID;"
    said = part(f"{clean} {environment} who_calls || true", "stage", "rollback", "host")
    assert (said.stdout.strip(), said.stderr) == (user, "")


def test_space_is_summed_for_each_file_system() -> None:
    script = """
        _space_needed() { echo /proc/aios 10; echo /proc/other 20; echo / 5; }
        _free_mb() { echo 15; }
        _missing() { echo "$1"; }
        LIB=/nowhere/lib/aios
        _check_space aios /usr
    """
    said = part(script, "preflight").stdout
    assert said == "15 MB are free at /proc; aios needs 30 MB\n"


@pytest.mark.parametrize(
    ("path", "there"), [("/no/such/path", "/"), ("/usr/no/such", "/usr"), ("/usr", "/usr")]
)
def test_the_part_of_a_path_that_is_there(path: str, there: str) -> None:
    assert part(f"_existing {path}", "preflight").stdout == f"{there}\n"


def test_with_another_prefix_nothing_names_usr(tmp_path: Path) -> None:
    result = part(f"layout /opt/aios; stage_files {tmp_path}", "stage")
    assert result.returncode == 0, result.stderr
    launcher = (tmp_path / "opt/aios/bin/aios").read_text()
    assert "'/opt/aios/lib/aios/client'" in launcher
    wrong = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != "policy.toml"
        for name in ("/usr/lib/aios", "/usr/share/aios", "/usr/bin/aios", "/usr/bin/aigpt")
        if name in path.read_text(errors="replace")
    ]
    assert wrong == []
    unit = (tmp_path / "usr/lib/systemd/system/aios-chat.service").read_text()
    assert "ExecStart=/opt/aios/lib/aios/venv/bin/python3 " in unit
