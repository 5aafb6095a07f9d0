"""The shell parts of the installer that only say something."""

import platform
import subprocess
from pathlib import Path

import pytest

from aios.errors import InvalidOption
from aios.machines import base

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


def test_a_user_may_be_a_number() -> None:
    done = part('parse --user 0\necho "$user$name"', "arguments")
    assert (done.returncode, done.stdout, done.stderr) == (0, "root\n", "")


@pytest.mark.parametrize("killed", ["before", "after"])
def test_a_membership_is_taken_back_once(tmp_path: Path, killed: str) -> None:
    """Also where it was not given yet, or was taken back before a kill: a way back that fails
    keeps every further installation from beginning."""
    groups = tmp_path / "groups"
    groups.write_text("users\n")
    script = f"""
id() {{ paste -sd " " {groups}; }}
gpasswd() {{
    case $1 in
    --add) echo "$3" >>{groups} ;;
    --delete) grep -qxF "$3" {groups} && sed -i "/^$3$/d" {groups} ;;
    esac
}}
export -f id gpasswd
changed() {{ :; }}
note() {{ :; }}
_link_memory() {{ :; }}
undo() {{
    shift
    back=(bash "$@")
    [ {killed} = after ] || exit 0
}}
trap '"${{back[@]}}" && "${{back[@]}}" && sort {groups}' EXIT
install_user ann
"""
    done = part(script, "person")
    assert (done.returncode, done.stdout, done.stderr) == (0, "users\n", "")


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


# os-release, shortened → whose packages, whose machines, of which release
HOSTS = {
    'ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"': ("debian", "debian", "bookworm"),
    "ID=debian\nVERSION_CODENAME=trixie": ("debian", "debian", "trixie"),
    "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble":
        ("debian", "ubuntu", "noble"),
    'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble':
        ("debian", "ubuntu", "noble"),
    "ID=linuxmint\nID_LIKE=debian\nVERSION_CODENAME=faye\nDEBIAN_CODENAME=bookworm":
        ("debian", "debian", "bookworm"),
    "ID=arch\nBUILD_ID=rolling": ("arch", "arch", ""),
    'ID=endeavouros\nID_LIKE="arch"': ("arch", "arch", ""),
    'ID=fedora\nVERSION_ID=42\nVERSION_CODENAME=""': ("fedora", "fedora", ""),
    'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"': ("fedora", "fedora", ""),
}  # fmt: skip


@pytest.fixture(params=HOSTS, ids=lambda text: text.splitlines()[0])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, tuple[str, str, str]]:
    path = tmp_path / "os-release"
    path.write_text(f"{request.param}\n")
    return path, HOSTS[request.param]


def test_which_distribution_it_is(
    told: tuple[Path, tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shell and aios-machine say the same."""
    path, expected = told
    script = f"OS_RELEASE={path}; distribution; own_distribution; default_release"
    said = part(script, "packages").stdout.split("\n")
    assert tuple(said[:3]) == expected
    monkeypatch.setattr(platform, "_os_release_candidates", (str(path),))
    monkeypatch.setattr(platform, "_os_release_cache", None)
    assert base.host() == expected[1:]
    assert base.chosen("", "") == expected[1:]


def test_a_distribution_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "os-release"
    path.write_text("ID=plan9\nVERSION_CODENAME=four\n")
    said = part(f"OS_RELEASE={path}; distribution", "packages")
    assert (said.returncode, said.stdout) == (1, "")
    assert "no packages are known for this distribution (plan9)" in said.stderr
    assert part(f"OS_RELEASE={path}; DISTRO=arch; distribution", "packages").stdout == "arch\n"
    monkeypatch.setattr(platform, "_os_release_candidates", (str(path),))
    monkeypatch.setattr(platform, "_os_release_cache", None)
    with pytest.raises(InvalidOption, match="no machine is made of 'plan9'"):
        base.chosen("", "")


@pytest.mark.parametrize(
    ("version", "option"),
    [("dnf5 version 5.2.17.0\ndnf5 plugin API version 2.0", "--use-host-config"),
     ("4.20.0\n  Installed: dnf-0:4.20.0", "--releasever=/")],
)  # fmt: skip
def test_a_tree_of_this_hosts_archives_by_either_dnf(version: str, option: str) -> None:
    script = f"dnf() {{ printf '%s\\n' '{version}'; }}; _dnf_of_host"
    assert part(script, "packages", "cache", "trees").stdout == f"{option}\n"


def test_what_is_cached_is_built_once_or_anew(tmp_path: Path) -> None:
    path = tmp_path / "tree"
    build = 'build() { [ "$1" != fails ] && mkdir "$2" && echo "$1" >"$2/what"; }\n'
    for verb, what, there in (
        ("cached", "one", "one"), ("cached", "two", "one"), ("renewed", "three", "three"),
        ("renewed", "fails", "three"),
    ):  # fmt: skip
        done = part(f"{build}{verb} {path} build {what}", "cache")
        assert (done.returncode, done.stderr) == (int(what == "fails"), "")
        assert (path / "what").read_text() == f"{there}\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["tree", "tree.lock"]
