"""An image that build.zsh has made: what is in it, and that it boots and answers."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import image
import pytest
import repository
from image import (
    ARCHIVE,
    DISK,
    TARBALL,
    Booted,
    Contents,
    archives,
    build,
    digest,
    loop_devices,
    running,
)
from person import PROMPT, Person
from sandbox import Sandbox

# What is one machine's own, and what differs from build to build.
OWN = re.compile(
    r"^/var/cache/(apt|ldconfig|debconf|man|pacman)/|^/var/lib/(apt/lists|pacman/sync)/|^/var/log/"
    r"|^/(tmp|run|var/tmp)/|^/root/\.cache|\.deb$|\.pkg\.tar|^/usr/lib/aios/.*\.whl$|/site-packages/pip/"
    r"|99mmdebstrap|-old$|^/etc/((passwd|shadow|group|gshadow|subuid|subgid)-|\.pwd\.lock)$"
    r"|^/etc/(hostname|resolv\.conf|credstore.*)$|/random-seed$|/credential\.secret$"
    r"|^/var/lib/aios/(?!manifest\.json$)|/dbus/machine-id$|ssh_host|pacman\.d/gnupg|\.key$"
    r"|/private-keys|^/etc/ssl/private/"
)
# As apt has them: before 2.9, and since.
SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
EXAMPLES = tuple(f"/usr/share/doc/apt/examples/{Path(name).name}" for name in SOURCES)
TEXTS = ("/etc/shadow", "/etc/passwd", *SOURCES, *EXAMPLES)


def has_nothing_of_one_machine(held: Contents) -> None:
    assert held.members["/etc/machine-id"].size == 0
    files = [name for name, member in held.members.items() if member.isfile()]
    assert not [name for name in files if OWN.search(name) and "/certifi/" not in name]
    # No password: nobody comes in but from the host. All were set on the image's day.
    rows = [row.split(":") for row in held.texts["/etc/shadow"].splitlines()]
    assert {row[1] for row in rows} <= {"*", "!", "!*", "!!"}
    (day,) = {int(row[2]) for row in rows}
    assert max(member.mtime for member in held.members.values()) < (day + 1) * 86400
    # No user of the builder's.
    known = {int(row.split(":")[2]) for row in held.texts["/etc/passwd"].splitlines()}
    assert {member.uid for member in held.members.values()} <= known


def names_the_distributions_archives(held: Contents) -> None:
    """Not the builder's own mirror, and free software alone."""
    sources, example = (
        "".join(held.texts.get(name, "") for name in names) for names in (SOURCES, EXAMPLES)
    )
    assert archives(sources) and archives(sources) == archives(example)
    assert "contrib" not in sources


@pytest.fixture(scope="module")
def booted(sandbox: Sandbox, built: Path) -> Iterator[Booted]:
    with running(sandbox, built / TARBALL, "image") as machine:
        yield machine


def test_it_lies_there_with_its_checksum_and_nothing_else(built: Path) -> None:
    names = [TARBALL, f"{TARBALL}.sha256", ARCHIVE, f"{ARCHIVE}.sha256"]
    assert sorted(path.name for path in built.iterdir()) == sorted(names)
    subprocess.run(["sha256sum", "--check", "--quiet", *names[1::2]], cwd=built, check=True)


def test_nothing_in_it_is_one_machines_own(built: Path) -> None:
    held = Contents.read(built / TARBALL, *TEXTS)
    has_nothing_of_one_machine(held)
    names_the_distributions_archives(held)
    # Python need not compile at each start, and what is edited there counts.
    compiled = [name for name in held.members if name.endswith(".pyc")]
    assert [name for name in compiled if name.startswith("/usr/lib/aios/aios/")]
    assert [name for name in compiled if name.startswith("/usr/lib/python3")]


def boots_to_running(booted: Booted) -> None:
    waits = ["systemctl", "-M", booted.name, "is-system-running", "--wait"]
    state = booted.sandbox.run(waits, check=False)
    failed = booted.sh("systemctl --failed --plain --no-legend", check=False)
    assert (state.stdout.strip(), failed) == ("running", "")


def test_it_boots_to_running_with_all_services_inside(booted: Booted) -> None:
    boots_to_running(booted)
    assert booted.sh(". /etc/os-release; echo $ID $ID_LIKE").split() == ["aios", "debian"]
    status = booted.sh("aios status", user="ai")
    assert "machine .host" in status
    assert "machine aios" not in status


def test_a_person_there_asks_and_approves(booted: Booted) -> None:
    shell = ["machinectl", "--quiet", "shell", f"ai@{booted.name}"]
    with Person(booted.sandbox, shell, user="root") as person:
        person.sees(PROMPT)
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


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("disk")
    build(directory, "image")
    return directory / DISK


@pytest.mark.long
def test_the_same_inputs_give_the_same_bytes(built: Path, disk: Path, tmp_path: Path) -> None:
    """Also from an OS tree that is made anew."""
    build(tmp_path, "tarball", "oci", "image", "--fresh", timeout=3000)
    for name in (TARBALL, ARCHIVE):
        assert digest(built / name) == digest(tmp_path / name), name
    assert digest(disk) == digest(tmp_path / DISK)


@pytest.mark.long
def test_the_disk_holds_what_the_tarball_holds(built: Path, disk: Path, tmp_path: Path) -> None:
    names = ("/etc/os-release", "/usr/lib/aios/systemd", "/etc/shadow")
    held = Contents.read(built / TARBALL, *names)
    subprocess.run(["e2fsck", "-fn", disk], check=True, capture_output=True)
    for name in names:
        command = ["debugfs", "-R", f"cat {name}", disk]
        read = subprocess.run(command, capture_output=True, check=True, text=True)
        assert read.stdout == held.texts[name], name


@pytest.mark.long
def test_the_disk_boots(sandbox: Sandbox, disk: Path) -> None:
    with loop_devices(sandbox), running(sandbox, disk, "disk") as machine:
        boots_to_running(machine)
        assert machine.sh("aios exec -- id -un", user="ai") == "ai\n"
        assert machine.sh("findmnt --noheadings --output FSTYPE /") == "ext4\n"


@pytest.mark.long
def test_debian_13_too(sandbox: Sandbox, tmp_path: Path) -> None:
    build(tmp_path, "tarball", "--release", "trixie")
    held = Contents.read(tmp_path / TARBALL, *TEXTS)
    has_nothing_of_one_machine(held)
    names_the_distributions_archives(held)
    with running(sandbox, tmp_path / TARBALL, "trixie") as machine:
        boots_to_running(machine)
        assert machine.sh("aios exec -- id -un", user="ai") == "ai\n"


@pytest.mark.long
def test_arch_is_built_with_pacstrap(sandbox: Sandbox, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    cache = Path(os.environ.get("AIOS_CACHE", "/var/cache/aios"))
    trees = [path.parent for path in cache.glob("trees/image-debian-*/etc")]
    settings = repository.make(tmp_path, max(trees, key=lambda path: path.stat().st_mtime))
    before = set(cache.glob("trees/image-arch-*"))
    try:
        build(out, "tarball", "--distro", "arch", AIOS_PACMAN_CONF=str(settings))
    finally:
        # Of a repository that nobody will have again.
        for made in set(cache.glob("trees/image-arch-*")) - before:
            shutil.rmtree(made) if made.is_dir() else made.unlink()
    mirrors = "/etc/pacman.d/mirrorlist"
    held = Contents.read(out / TARBALL, "/etc/shadow", "/etc/passwd", mirrors)
    has_nothing_of_one_machine(held)
    named = re.findall(r"^Server = https://([^/]+)/", held.texts[mirrors], re.MULTILINE)
    assert named == ["worldwide.example"]
    assert "/var/lib/pacman/local/systemd-1-1/desc" in held.members
    with running(sandbox, out / TARBALL, "arch") as machine:
        assert machine.sh(". /etc/os-release; echo $ID $ID_LIKE").split() == ["aios", "arch"]
        assert machine.sh("aios exec -- id -un", user="ai") == "ai\n"
