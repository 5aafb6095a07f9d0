"""An image that build.zsh has made: what is in it, and that it boots and answers."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import image
import pytest
import repository
from image import ARCHIVE, DISK, TARBALL, Booted, build, digest
from person import Person
from sandbox import Sandbox

# With podman's own rights: no more than it gives to any container. The rest is what this sandbox
# lacks: controllers, a network to set up.
PODMAN = ["podman", "--runtime", "runc", "--cgroup-manager=cgroupfs", "run", "--rm",
          "--pids-limit=0", "--network=none", "--ulimit=nofile=20000:20000",
          "--ulimit=nproc=20000:20000"]  # fmt: skip
NAME = "ghcr.io/syui/aios:latest"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    build(directory, "tarball", "oci")
    return directory


@pytest.fixture(scope="module")
def booted(sandbox: Sandbox, built: Path) -> Iterator[Booted]:
    machine = image.boot(sandbox, built / TARBALL, "image")
    yield machine
    image.remove(machine)


def test_it_lies_there_with_its_checksum_and_nothing_else(built: Path) -> None:
    names = [TARBALL, f"{TARBALL}.sha256", ARCHIVE, f"{ARCHIVE}.sha256"]
    assert sorted(path.name for path in built.iterdir()) == sorted(names)
    subprocess.run(["sha256sum", "--check", "--quiet", *names[1::2]], cwd=built, check=True)


def test_nothing_in_it_is_one_machines_own(built: Path) -> None:
    with tarfile.open(built / TARBALL) as tar:
        members = {member.name.removeprefix("."): member for member in tar}
        assert members["/etc/machine-id"].size == 0
        shadow = tar.extractfile(members["/etc/shadow"])
        assert shadow is not None
        rows = [row.split(":") for row in shadow.read().decode().splitlines()]
        sources = tar.extractfile("./etc/apt/sources.list")
        assert sources is not None
        example = tar.extractfile("./usr/share/doc/apt/examples/sources.list")
        assert example is not None
        # Not the builder's own mirror.
        hosts = [
            set(re.findall(r"^deb https?://([^/]+)/", file.read().decode(), re.MULTILINE))
            for file in (sources, example)
        ]
        assert hosts[0] == hosts[1] and len(hosts[0]) == 1
    assert len({row[2] for row in rows}) == 1
    # No password: nobody comes in but from the host.
    assert {row[1] for row in rows} <= {"*", "!", "!*", "!!"}
    files = [name for name, member in members.items() if member.isfile()]
    for own in (r"/var/cache/(apt|ldconfig|pacman)/", r"/var/lib/apt/lists/", r"/var/log/",
                r"/random-seed$", r"ssh_host", r"\.deb$", r"/lib/aios/wheels/", r"/root/\.cache",
                r"\.key$", r"-old$",
                r"/etc/(passwd|shadow|group|gshadow)-$", r"/etc/(hostname|resolv.conf)$",
                r"/etc/credstore", r"/var/lib/dbus/machine-id", r"/site-packages/pip/",
                r"99mmdebstrap", r"pacman.d/gnupg"):  # fmt: skip
        kept = [name for name in files if re.search(own, name) and "/certifi/" not in name]
        assert not kept, own
    assert any(name.endswith(".pyc") for name in files)


def test_it_boots_to_running_with_all_services_inside(booted: Booted) -> None:
    state = booted.sandbox.run(
        ["systemctl", "-M", booted.name, "is-system-running", "--wait"], check=False
    )
    failed = booted.sh("systemctl --failed --plain --no-legend", check=False)
    assert (state.stdout.strip(), failed) == ("running", "")
    assert booted.sh(". /etc/os-release; echo $ID $ID_LIKE").split() == ["aios", "debian"]
    status = booted.sh("aios status", user="ai")
    assert "machine .host" in status
    assert "machine aios" not in status


def test_a_person_there_asks_and_approves(booted: Booted) -> None:
    shell = ["machinectl", "--quiet", "shell", f"ai@{booted.name}"]
    with Person(booted.sandbox, shell, user="root") as person:
        person.sees(r"\[aios\] > ")
        person.say("show the time")
        person.sees(r"\$ date")
        person.sees(r"✓ ok|✓ done|✓ .*s")
        person.say("!rm -r /var/log/none")
        person.sees(r"run it\? .*\[\?\] explain ")
        person.type("y")
        person.sees(r"exit 1")
        person.say("exit")
        person.sees(r"[$#] ")
        person.say("exit")
        person.leaves()


def test_a_command_of_the_host_is_governed_and_recorded(booted: Booted) -> None:
    assert booted.sh("aios exec -- id -un", user="ai") == "ai\n"
    written = "aios exec -- touch /var/tmp/written && stat -c %U /var/tmp/written"
    assert booted.sh(written, user="ai") == "root\n"
    booted.sh("! aios exec -- mkfs.ext4 /dev/null", user="ai")
    confined = "! aios exec --profile read-only -- touch /var/tmp/more; ! test -e /var/tmp/more"
    booted.sh(confined, user="ai")
    rows = booted.sh("journalctl --sync; journalctl -u 'aios-exec@*' -o json --no-pager")
    records = [json.loads(row) for row in rows.splitlines()]
    touched = [
        (record["AIOS_EVENT"], record["AIOS_MACHINE"], record["AIOS_USER"])
        for record in records
        if record.get("AIOS_COMMAND") == "touch /var/tmp/written"
    ]
    events = ["requested", "decided", "started", "finished"]
    assert touched == [(event, ".host", "ai") for event in events]


def test_under_a_host_with_aios_it_is_one_of_its_machines(booted: Booted) -> None:
    """The host's sockets are bound there: the image's own services stay away."""
    sandbox = booted.sandbox
    sandbox.run(["systemctl", "stop", f"systemd-nspawn@{booted.name}"])
    image.govern(booted)
    sandbox.run(["systemctl", "start", f"systemd-nspawn@{booted.name}"], timeout=120)
    sandbox.wait_machine(booted.name)
    said = sandbox.run(["aios", "exec", "-m", booted.name, "--", "id", "-un"], user="me")
    assert said.stdout == "ai\n"
    listening = booted.sh("systemctl list-sockets --no-legend | grep -c /run/aios || true")
    assert listening == "0\n"
    assert booted.sh("systemctl --failed --plain --no-legend") == ""


@pytest.mark.long
def test_the_same_inputs_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """Also from an OS tree that is made anew."""
    first = tmp_path / "first"
    first.mkdir()
    build(tmp_path, "tarball", "oci", "image", "--fresh", timeout=3000)
    build(first, "image")
    for name in (TARBALL, ARCHIVE):
        assert digest(built / name) == digest(tmp_path / name), name
    assert digest(first / DISK) == digest(tmp_path / DISK)


@pytest.mark.long
def test_the_disk_holds_what_the_tarball_holds(built: Path, tmp_path: Path) -> None:
    build(tmp_path, "image")
    disk = tmp_path / DISK
    subprocess.run(["e2fsck", "-fn", disk], check=True, capture_output=True)
    for name in ("/etc/os-release", "/etc/machine-id", "/usr/lib/aios/systemd"):
        command = ["debugfs", "-R", f"cat {name}", disk]
        read = subprocess.run(command, capture_output=True, check=True)
        with tarfile.open(built / TARBALL) as tar:
            packed = tar.extractfile(f".{name}")
            assert packed is not None
            assert read.stdout == packed.read(), name


@pytest.mark.long
def test_arch_is_built_with_pacstrap(sandbox: Sandbox, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    cache = Path(os.environ.get("AIOS_CACHE", "/var/cache/aios"))
    trees = [path.parent for path in cache.glob("trees/image-debian-*/etc")]
    settings = repository.make(tmp_path, max(trees, key=lambda path: path.stat().st_mtime))
    before = set(cache.glob("trees/image-arch-*"))
    build(out, "tarball", "--distro", "arch", AIOS_PACMAN_CONF=str(settings))
    # Of a repository that nobody will have again.
    for made in set(cache.glob("trees/image-arch-*")) - before:
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    with tarfile.open(out / TARBALL) as tar:
        names = {member.name for member in tar}
        mirrors = tar.extractfile("./etc/pacman.d/mirrorlist")
        assert mirrors is not None
        assert mirrors.read().startswith(b"Server = https://geo.mirror.pkgbuild.com/")
    assert "./var/lib/pacman/local/systemd-1-1/desc" in names
    own = r"\./(etc/pacman\.d/gnupg|var/lib/pacman/sync|var/cache/pacman)/."
    assert not [name for name in names if re.match(own, name)]
    machine = image.boot(sandbox, out / TARBALL, "arch")
    try:
        assert machine.sh(". /etc/os-release; echo $ID $ID_LIKE").split() == ["aios", "arch"]
        assert machine.sh("aios exec -- id -un", user="ai") == "ai\n"
    finally:
        image.remove(machine)


@pytest.fixture(scope="module")
def podman(sandbox: Sandbox, built: Path) -> Sandbox:
    install = "apt-get update -q && apt-get install -q -y --no-install-recommends podman runc"
    sandbox.run(["sh", "-ec", install], timeout=600)
    inside = sandbox.state / "tree/var/tmp" / ARCHIVE
    inside.write_bytes((built / ARCHIVE).read_bytes())
    sandbox.run(["podman", "load", "--quiet", "--input", f"/var/tmp/{ARCHIVE}"], timeout=300)
    inside.unlink()
    alias = image.ROOT / "cfg/containers/registries.conf.d/aios.conf"
    aliases = sandbox.state / "tree/etc/containers/registries.conf.d/aios.conf"
    aliases.write_text(alias.read_text())
    return sandbox


@pytest.mark.long
def test_podman_runs_it_without_further_rights(podman: Sandbox) -> None:
    prompts = "!ls -d /etc\nwhat did I just run?\n!touch /var/tmp/written\n"
    done = podman.run([*PODMAN, "-i", "aios"], input=prompts, timeout=120)
    assert re.search(r"^/etc$", done.stdout, re.MULTILINE)
    assert "You just ran `ls -d /etc`" in done.stdout
    # What only reads is confined by the kernel there as well.
    confined = ["exec", "--profile", "read-only", "--", "touch", "/var/tmp/more"]
    done = podman.run([*PODMAN, "-i", "aios", *confined], check=False, timeout=120)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr


@pytest.mark.long
def test_podman_gives_its_terminal_to_the_prompt(podman: Sandbox) -> None:
    # A unit of the sandbox may make no keyring, as runc does at a container's start.
    podman.run([*PODMAN, "-dit", "--name=typed", "-e", "TERM=dumb", "aios"], timeout=120)
    with Person(podman, ["podman", "attach", "typed"], user="root") as person:
        # It may have been there before us.
        person.say("")
        person.sees(r"\[aios\] > ")
        person.say("show the time")
        person.sees(r"\$ date")
        person.sees(r"\[aios\] > ")
        person.say("exit")
        assert person.leaves() == 0


@pytest.mark.long
@pytest.mark.parametrize(
    "refused", ["--systemd=false", "--security-opt=seccomp=/root/seccomp.json"]
)
def test_without_the_rights_it_says_in_one_line_which_flags_to_add(
    podman: Sandbox, refused: str
) -> None:
    """The second as docker has it: no namespaces for who has not CAP_SYS_ADMIN."""
    tree = podman.state / "tree"
    rules = json.loads((tree / "usr/share/containers/seccomp.json").read_text())
    for rule in rules["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != "unshare"] or ["uname"]
    (tree / "root/seccomp.json").write_text(json.dumps(rules))
    done = podman.run([*PODMAN, refused, "-i", "aios"], check=False, timeout=60)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "level=warning" not in line]
    assert len(lines) == 1
    assert re.match(r"aios: error: systemd cannot run in this container \(.*\): .* --", lines[0])
