"""Snapshots and restores: of a machine that boots, by whom, under kill -9 and on a full disk."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from governed import until
from sandbox import Sandbox
from small_disk import small_disk

UNIT = "aios-machine.service"
MACHINES = "/var/lib/machines"
STORES = "/var/lib/aios/snapshots /var/lib/machines/.aios"
BACKUPS = "/var/lib/aios/memory-backup"
# A tree of some 600 files that nobody boots, all of one version.
LITTLE = f"""
mkdir {MACHINES}/little
cd {MACHINES}/little
cp -a /etc /usr/lib/systemd/system .
echo one >version
"""
VERSION = f"""
cd {MACHINES}/little
echo $0 >version
for file in system/*.service; do [ -L "$file" ] || echo "# $0" >>"$file"; done
"""
INTEGRITY = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(db.execute("PRAGMA integrity_check").fetchone()[0],
      db.execute("SELECT count(*) FROM memories WHERE content = ?", (sys.argv[2],)).fetchone()[0])
"""


def aios(sandbox: Sandbox, *arguments: str, user: str = "root") -> Any:
    """What `aios machine … --json` answers."""
    done = sandbox.run(["aios", "machine", *arguments, "--json"], user=user, timeout=240)
    return json.loads(done.stdout)


def refused(sandbox: Sandbox, *arguments: str, user: str = "root") -> str:
    done = sandbox.run(["aios", "machine", *arguments], user=user, check=False, timeout=240)
    assert done.returncode == 125, done
    return done.stderr


def snapshots(sandbox: Sandbox, machine: str) -> list[dict[str, Any]]:
    """After the service has finished or taken away what was cut short."""
    until(lambda: not leftovers(sandbox), 60)
    found: list[dict[str, Any]] = aios(sandbox, "snapshots", machine)
    return found


def leftovers(sandbox: Sandbox) -> str:
    aios(sandbox, "list")
    return sandbox.sh(f"find {STORES} -mindepth 2 -maxdepth 2 -name '.*' ! -name .lock 2>&- || :")


def verified(sandbox: Sandbox, machine: str) -> None:
    told = aios(sandbox, "snapshots", machine, "--verify")
    assert not any(told.values()), told


def forget(sandbox: Sandbox, machine: str) -> None:
    ids = [one["id"] for one in snapshots(sandbox, machine)]
    if ids:
        aios(sandbox, "snapshots", machine, "--yes", "--remove", *ids)
    assert snapshots(sandbox, machine) == []


def test_a_machine_there_and_back(sandbox: Sandbox) -> None:
    sandbox.wait_machine("aios")
    text = "kept with a snapshot"
    sandbox.run(["aios", "memory", "add", text])
    sandbox.machine(["sh", "-c", "echo one >/opt/version; setfacl -m u:ai:r /opt/version || :"])
    before = sandbox.machine(["cat", "/etc/machine-id"]).stdout
    assert "no one moment" in refused(sandbox, "snapshot", "aios")
    clean = aios(sandbox, "snapshot", "aios", "--stop", "--name", "clean", "--note", "for a test")
    assert (clean["moment"], clean["name"], clean["note"]) == ("stopped", "clean", "for a test")
    found = sandbox.python(INTEGRITY, f"{BACKUPS}/{clean['memory']}", text).split()
    assert found[0] == "ok" and int(found[1]) >= 1
    sandbox.wait_machine("aios")
    sandbox.machine(["sh", "-c", "echo two >/opt/version; rm /usr/bin/less"])
    assert "runs" in refused(sandbox, "restore", "aios", "clean", "--yes")
    done = aios(sandbox, "restore", "aios", "clean", "--stop", "--yes")
    sandbox.wait_machine("aios")
    assert sandbox.machine(["cat", "/opt/version"]).stdout == "one\n"
    sandbox.machine(["test", "-x", "/usr/bin/less"])
    assert sandbox.machine(["cat", "/etc/machine-id"]).stdout == before
    assert sandbox.run(["aios", "exec", "--", "cat /opt/version"], user="me").stdout == "one\n"
    listed = snapshots(sandbox, "aios")
    assert [(one["id"], one["name"]) for one in listed] == [
        (done["kept"], "before-restore"), (clean["id"], "clean"),
    ]  # fmt: skip
    kept = sandbox.sh(f"cat {listed[0]['path']}/tree/opt/version")
    assert kept == "two"
    assert ".aios" not in sandbox.sh("machinectl list-images --no-legend")


def test_frozen_and_killed(sandbox: Sandbox) -> None:
    """All of the machine waits while it is copied, and goes on when the service was killed."""
    sandbox.wait_machine("aios")
    taking = sandbox.popen(["aios", "machine", "snapshot", "aios", "--freeze", "--name", "frozen"])
    until(lambda: frozen(sandbox) == "frozen", 60)
    sandbox.run(["systemctl", "kill", "-s", "KILL", UNIT])
    _, complaint = taking.communicate(timeout=60)
    assert taking.returncode == 125, complaint
    until(lambda: frozen(sandbox) == "running", 60)
    assert sandbox.run(["aios", "exec", "--", "echo on"], user="me").stdout == "on\n"
    assert "frozen" not in {one["name"] for one in snapshots(sandbox, "aios")}
    made = aios(sandbox, "snapshot", "aios", "--freeze", "--no-memory")
    assert (made["moment"], made["memory"]) == ("frozen", "")
    assert frozen(sandbox) == "running"
    assert aios(sandbox, "snapshots", "aios", "--verify", made["id"]) == {made["id"]: []}
    forget(sandbox, "aios")


def frozen(sandbox: Sandbox) -> str:
    return sandbox.sh("systemctl show -P FreezerState systemd-nspawn@aios")


@pytest.fixture
def little(sandbox: Sandbox) -> Iterator[None]:
    sandbox.sh(LITTLE)
    yield
    forget(sandbox, "little")
    sandbox.sh(f"rm -rf {MACHINES}/little")


def test_who_may(sandbox: Sandbox, little: None) -> None:
    sandbox.sh("id plain 2>&- || useradd --create-home plain; usermod -aG aios plain")
    made = aios(sandbox, "snapshot", "little", user="me")
    assert aios(sandbox, "snapshots", "little", user="plain")[0]["id"] == made["id"]
    for user, said in (("plain", "uthentication"), ("outsider", "")):
        for asked in (["snapshot", "little"], ["restore", "little", "--yes"],
                      ["snapshots", "little", "--remove", made["id"], "--yes"]):  # fmt: skip
            assert said in refused(sandbox, *asked, user=user)
    refused(sandbox, "snapshots", "little", user="outsider")
    assert [one["id"] for one in snapshots(sandbox, "little")] == [made["id"]]
    with pytest.raises(subprocess.CalledProcessError):
        sandbox.run(["aios", "machine", "snapshots"], user="ai", machine="aios")


def test_dry_run_keep_and_remove(sandbox: Sandbox, little: None) -> None:
    assert aios(sandbox, "snapshot", "little", "--dry-run")["files"] > 100
    assert snapshots(sandbox, "little") == []
    ids = [aios(sandbox, "snapshot", "little", "--keep", "2")["id"] for _ in range(3)]
    assert [one["id"] for one in snapshots(sandbox, "little")] == [ids[2], ids[1]]
    assert "keeps" in aios(sandbox, "restore", "little", "--dry-run")
    assert (
        "nothing was changed"
        in sandbox.run(["aios", "machine", "restore", "little"], check=False).stderr
    )
    path = snapshots(sandbox, "little")[0]["path"]
    sandbox.sh(f"echo x >>{path}/tree/version; rm {path}/tree/etc/fstab")
    done = sandbox.run(["aios", "machine", "snapshots", "little", "--verify"], check=False)
    assert done.returncode == 1
    assert "etc/fstab is missing" in done.stdout and "version: " in done.stdout
    assert "not what it was" in refused(sandbox, "restore", "little", ids[2], "--yes")
    aios(sandbox, "restore", "little", ids[1], "--yes", "--discard")
    assert [one["id"] for one in snapshots(sandbox, "little")] == [ids[2], ids[1]]


def whole(sandbox: Sandbox) -> str:
    """The version of the little machine, of which every file is."""
    return sandbox.sh(f"""
        cd {MACHINES}/little
        version=$(cat version)
        for file in system/*.service; do
            [ -L "$file" ] || case $version-$(tail -n 1 "$file") in
                one-'# '[0-9]*) echo mixed; exit ;;
                one-*) ;;
                *) [ "$(tail -n 1 "$file")" = "# $version" ] || {{ echo mixed; exit; }} ;;
            esac
        done
        echo "$version"
    """)


def kill_often(sandbox: Sandbox, count: int, seed: int) -> int:
    """Killed at random moments under load; how often something was under way then."""
    chance = random.Random(seed)
    load = sandbox.popen(["sh", "-c", "while :; do cp -a /usr/share/doc /run/load; sync; done"])
    cut = 0
    try:
        aios(sandbox, "snapshot", "little", "--name", "first")
        for number in range(count):
            version, restores = whole(sandbox), chance.random() < 0.6
            verb = ["restore", "little", "first", "--yes"] if restores else [
                "snapshot", "little", "--keep", "1"]  # fmt: skip
            asked = sandbox.popen(["aios", "machine", *verb])
            # A moment, not a wait for something.
            time.sleep(chance.random() * 1.5)
            sandbox.run(["systemctl", "kill", "-s", "KILL", UNIT], check=False)
            asked.communicate(timeout=120)
            cut += asked.returncode != 0
            sandbox.run(["systemctl", "reset-failed", UNIT], check=False)
            now = whole(sandbox)
            assert now in ({version, "one"} if restores else {version}), (number, verb)
            names = [one["name"] for one in snapshots(sandbox, "little")]
            assert names.count("first") == 1
            assert whole(sandbox) == now
            verified(sandbox, "little")
            if "before-restore" in names:
                aios(sandbox, "snapshots", "little", "--name", "before-restore", "--keep", "0",
                     "--yes")  # fmt: skip
            sandbox.run(["sh", "-ec", VERSION, str(number)])
        backups = sandbox.sh(f"cd {BACKUPS}; ls snapshot-* || :").split()
        until(lambda: not leftovers(sandbox), 60)
        assert {one["memory"] for one in snapshots(sandbox, "little")} <= set(backups)
    finally:
        load.kill()
        load.wait()
    return cut


def test_killed_at_random_moments(
    sandbox: Sandbox, little: None, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.randrange(2**32)
    with capsys.disabled():
        print(f"\nseed {seed}")
    kill_often(sandbox, 3, seed)


@pytest.mark.long
def test_killed_at_many_random_moments(
    sandbox: Sandbox, little: None, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.randrange(2**32)
    cut = kill_often(sandbox, 80, seed)
    with capsys.disabled():
        print(f"\nseed {seed}: 80 rounds, {cut} cut short")
    assert cut > 5


@pytest.fixture(params=["ext4", "btrfs"])
def disk(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A small one over the machines, which nobody sees meanwhile."""
    sandbox.run(["systemctl", "stop", UNIT])
    with small_disk(sandbox, tmp_path / "disk", request.param, 128, MACHINES):
        if request.param == "btrfs":
            sandbox.python(SUBVOLUME, f"{MACHINES}/little", f"{MACHINES}/little/inner")
            sandbox.sh(LITTLE.replace("mkdir", "mkdir -p"))
        else:
            sandbox.sh(LITTLE)
        yield request.param
        until(lambda: not leftovers(sandbox), 60)
        sandbox.run(["systemctl", "stop", UNIT])
    sandbox.sh(f"rm -f {BACKUPS}/snapshot-*")


SUBVOLUME = """
import sys
from pathlib import Path
from aios.snapshots import btrfs
for path in sys.argv[1:]:
    btrfs.create(Path(path))
"""


def fill(sandbox: Sandbox, leave: int) -> None:
    """All of the disk but so many MiB."""
    sandbox.sh(f"""
        sync -f {MACHINES}  # btrfs counts what it has written
        free=$(df -m --output=avail {MACHINES} | tail -n 1)
        fallocate -l $((free > {leave} + 1 ? free - {leave} - 1 : 1))M {MACHINES}/.#full || :
        sync -f {MACHINES}
        [ {leave} -gt 0 ] || dd if=/dev/zero of={MACHINES}/.#more bs=64k status=none || :
    """)


def test_a_full_disk(
    sandbox: Sandbox, disk: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    with capsys.disabled():
        print(f"\n{disk}, seed {seed}")
    first = aios(sandbox, "snapshot", "little", "--name", "first")
    assert first["method"] == {"ext4": "copy", "btrfs": "subvolume"}[disk]
    sandbox.run(["sh", "-ec", VERSION, "2"])
    fill(sandbox, 8)
    for verb in (["snapshot", "little"], ["restore", "little", "--yes"]):
        assert "not enough room" in refused(sandbox, *verb)
    sandbox.sh(f"rm {MACHINES}/.#full")
    rounds = 20 if request.config.getoption("--long") else {"ext4": 2, "btrfs": 1}[disk]
    for _ in range(rounds):
        before = whole(sandbox)
        restores = chance.random() < 0.5
        verb = ["restore", "little", "first", "--yes", "--discard"] if restores else [
            "snapshot", "little", "--keep", "1"]  # fmt: skip
        asked = sandbox.popen(["aios", "machine", *verb])
        # It had room when it began.
        time.sleep(chance.random() * 0.7)
        fill(sandbox, 0)
        _, complaint = asked.communicate(timeout=120)
        assert whole(sandbox) in ({before, "one"} if restores else {before})
        if asked.returncode:
            assert "Traceback" not in complaint
            assert "full" in complaint or "not enough room" in complaint, complaint
        sandbox.sh(f"rm {MACHINES}/.#*; systemctl restart {UNIT}")
        assert "first" in {one["name"] for one in snapshots(sandbox, "little")}
        verified(sandbox, "little")
        sandbox.run(["sh", "-ec", VERSION, str(chance.randrange(10, 1000))])
    aios(sandbox, "restore", "little", "first", "--yes", "--discard")
    assert whole(sandbox) == "one"
    forget(sandbox, "little")
    if disk == "btrfs":
        sandbox.run(["aios", "machine", "clone", "little", "too"])
        assert aios(sandbox, "snapshot", "too")["method"] == "subvolume"
        forget(sandbox, "too")
        sandbox.run(["aios", "machine", "remove", "too", "--yes"])
        until(lambda: sandbox.sh(f"ls -A {MACHINES}").split() == [".aios", "little"])
