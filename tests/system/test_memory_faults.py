"""The memory under kill -9, a reader that never lets go, a full and a read-only disk, damage, and
what a power loss leaves. Nothing that was acknowledged is lost."""

import json
import subprocess
from collections.abc import Iterator

import pytest
from governed import kill, until
from machines import twin
from sandbox import Sandbox

from aios.ids import new_id

DIRECTORY = "/var/lib/aios/memory"
FILE = f"{DIRECTORY}/memory.db"
UNITS = ["aios-memory.socket", "aios-memory.service"]
CLIENT_PYTHON = "/usr/bin/python3"

# Writes and says what was acknowledged; a service that was killed is asked again. The longest
# wait is that of a call that was answered at once.
WRITER = """
import json, sys, time
sys.path.insert(0, "/usr/lib/aios/client")
from aios.client.varlink import ClientError, Connection

name, count = sys.argv[1], int(sys.argv[2])
connection, longest, again = None, 0.0, 0
for number in range(count):
    while True:
        started = time.monotonic()
        try:
            connection = connection or Connection("/run/aios/memory.sock", timeout=60)
            text = f"{name} {number}"
            connection.call("org.aios.Memory1.Create", {"content": text, "options": {}})
            break
        except ClientError as error:
            if not error.name.endswith("Unavailable"):
                raise
            connection, again = None, again + 1
    if not again:
        longest = max(longest, time.monotonic() - started)
    if number == 0:
        print("writing", flush=True)
print(json.dumps([longest, again]))
"""
# As a power loss would find it: all files at one moment, the WAL with whatever is half written.
SNAPSHOT = """
set -e
pid=$(systemctl show -P MainPID aios-memory.service)
[ "$pid" != 0 ] || exit 0
kill -STOP "$pid"
cp "$0"/memory.db "$0"/memory.db-wal "$1"
kill -CONT "$pid"
"""
KEPT = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
rows = db.execute("SELECT content FROM memories WHERE content LIKE ?", (f"{sys.argv[2]}%",))
print(json.dumps([db.execute("PRAGMA integrity_check").fetchone()[0], [row[0] for row in rows]]))
"""
COUNT = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(db.execute("SELECT count(*) FROM memories WHERE content LIKE ?",
                 (f"{sys.argv[2]}%",)).fetchone()[0])
"""
CHECKPOINT = """
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""
READER = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
db.execute("BEGIN")
print(db.execute("SELECT count(*) FROM memories").fetchone()[0], flush=True)
sys.stdin.readline()
"""
FILL = """
import sys
from aios.client.varlink import ClientError, Connection
kept = 0
with Connection("/run/aios/memory.sock", timeout=60) as connection:
    try:
        while True:
            text = f"{sys.argv[1]} {kept} " + "x" * 20000
            connection.call("org.aios.Memory1.Create", {"content": text, "options": {}})
            kept += 1
    except ClientError as error:
        print(kept, error.name, error.message)
"""


def kept(sandbox: Sandbox, prefix: str, file: str = FILE) -> set[str]:
    integrity, texts = json.loads(sandbox.python(KEPT, file, prefix))
    assert integrity == "ok"
    assert len(texts) == len(set(texts))
    return set(texts)


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}")


@pytest.fixture
def second(sandbox: Sandbox) -> Iterator[str]:
    with twin(sandbox, "aios-too") as name:
        yield name


def write_and_kill(
    sandbox: Sandbox,
    machines: list[str],
    count: int,
    every: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """count: writes of each writer; every: writes of all, after which the service is killed."""
    sandbox.wait_machine("aios")
    mark = new_id()
    places = [*((machine, "ai") for machine in machines), ("", "me"), ("", "root")]
    writers = [
        sandbox.popen(
            [CLIENT_PYTHON, "-ISc", WRITER, f"{mark} {machine or user}", str(count)],
            user=user,
            machine=machine,
        )
        for machine, user in places
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n", writer.communicate()
    kills, seen = 0, 0
    before: set[str] = set()
    sandbox.sh("rm -rf /run/moment && mkdir /run/moment")
    while any(writer.poll() is None for writer in writers):
        # As often as there is something to lose; more often it would only never start.
        there = int(sandbox.python(COUNT, FILE, mark))
        if there - seen < every:
            continue
        seen = there
        if kills == 2:
            before = kept(sandbox, mark)
            sandbox.run(["sh", "-c", SNAPSHOT, DIRECTORY, "/run/moment"])
        kill(sandbox, "aios-memory")
        kills += 1
    waits = []
    for writer, (machine, user) in zip(writers, places, strict=True):
        said, complaint = writer.communicate()
        assert writer.returncode == 0, complaint
        longest, again = json.loads(said)
        waits.append(f"{machine or user} {longest * 1000:.0f} ms, {again} times again")
    expected = {f"{mark} {machine or user} {n}" for machine, user in places for n in range(count)}
    assert kept(sandbox, mark) == expected
    if sandbox.sh("ls /run/moment"):
        assert before <= kept(sandbox, mark, "/run/moment/memory.db")
    sandbox.sh("rm -r /run/moment")
    say(capsys, f"{kills} kills; longest wait until the first: {'; '.join(waits)}")


def test_a_machine_and_the_host_write_while_it_is_killed(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    write_and_kill(sandbox, ["aios"], 250, 60, capsys)


@pytest.mark.long
def test_two_machines_and_the_host_write_while_it_is_killed(
    sandbox: Sandbox, second: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_and_kill(sandbox, ["aios", second], 20_000, 1000, capsys)


def test_a_reader_that_never_lets_go(sandbox: Sandbox) -> None:
    mark = new_id()
    sandbox.run(["aios", "memory", "add", f"before {mark}"], user="me")
    reader = sandbox.popen([CLIENT_PYTHON, "-ISc", READER, FILE])
    assert reader.stdout is not None
    count = int(reader.stdout.readline())
    sandbox.run([CLIENT_PYTHON, "-ISc", WRITER, mark, "200"])
    assert len(kept(sandbox, mark)) == 200
    assert count >= 0
    assert reader.poll() is None
    reader.communicate("\n")
    # The service empties the WAL once nobody writes.
    until(lambda: sandbox.sh(f"aios memory stats >/dev/null; stat -c %s {FILE}-wal") == "0")
    assert len(kept(sandbox, mark)) == 200


def start(sandbox: Sandbox) -> None:
    # Nobody restarts it as often as these tests.
    sandbox.run(["systemctl", "reset-failed", *UNITS])
    sandbox.run(["systemctl", "start", UNITS[0]])


@pytest.fixture
def small(sandbox: Sandbox) -> Iterator[None]:
    """A memory of its own on a small disk; the other one is where it was, underneath."""
    sandbox.run(["systemctl", "stop", *UNITS])
    owners = sandbox.sh(f"stat -c 'uid=%u,gid=%g' {DIRECTORY}")
    backups = sandbox.sh(f"stat -c 'uid=%u,gid=%g' {DIRECTORY}-backup")
    sandbox.sh(f"mount -t tmpfs -o size=5M,mode=2750,{owners} small {DIRECTORY}")
    sandbox.sh(f"mount -t tmpfs -o mode=0700,{backups} small {DIRECTORY}-backup")
    start(sandbox)
    yield
    sandbox.run(["systemctl", "stop", *UNITS])
    sandbox.sh(f"umount {DIRECTORY} {DIRECTORY}-backup")
    start(sandbox)


def test_a_full_disk(sandbox: Sandbox, small: None) -> None:
    mark = new_id()
    count, name, message = sandbox.python(FILL, mark).strip().split(" ", 2)
    assert name == "org.aios.Error.Unavailable"
    assert "full" in message
    assert int(count) > 10
    assert len(kept(sandbox, mark)) == int(count)
    assert mark in sandbox.run(["aios", "memory", "recent", "-n", "1"], user="me").stdout
    sandbox.sh(f"mount -o remount,size=30M {DIRECTORY}")
    sandbox.run(["aios", "memory", "add", f"{mark} again"], user="me")
    kill(sandbox, "aios-memory")
    assert len(kept(sandbox, mark)) == int(count) + 1


def test_a_read_only_directory(sandbox: Sandbox, small: None) -> None:
    mark = new_id()
    sandbox.run(["aios", "memory", "add", mark], user="me")
    sandbox.run(["systemctl", "stop", UNITS[1]])
    sandbox.sh(f"mount -o remount,ro {DIRECTORY}")
    refused = sandbox.run(["aios", "memory", "add", "x"], user="me", check=False)
    assert refused.returncode == 125
    assert "readonly" in refused.stderr, refused.stderr
    assert mark in sandbox.run(["aios", "memory", "recent"], user="me").stdout
    # systemd keeps a service's mounts as they were when it was started.
    sandbox.run(["systemctl", "stop", UNITS[1]])
    sandbox.sh(f"mount -o remount,rw {DIRECTORY}")
    sandbox.run(["aios", "memory", "add", f"{mark} again"], user="me")
    assert kept(sandbox, mark) == {mark, f"{mark} again"}


def test_a_damaged_page(sandbox: Sandbox, small: None) -> None:
    mark = new_id()
    sandbox.run(["aios", "memory", "add", mark], user="me")
    good = sandbox.run(["aios", "memory", "backup"]).stdout.strip()
    assert sandbox.run(["aios", "memory", "verify"]).stdout == "the database is whole\n"
    sandbox.run(["aios", "memory", "add", f"{mark} later"], user="me")
    sandbox.run(["systemctl", "stop", UNITS[1]])
    sandbox.python(CHECKPOINT, FILE)
    # All but the first page, so that it opens, and then does not read.
    sandbox.sh(f"""
        size=$(stat -c %s {FILE})
        test $size -gt 40960
        head -c $((size - 4096)) /dev/zero | tr '\\0' '\\245' |
            dd of={FILE} bs=4096 seek=1 conv=notrunc status=none
    """)
    refused = sandbox.run(["aios", "memory", "add", "x"], user="me", check=False)
    assert refused.returncode == 125
    assert good in refused.stderr
    assert "aios memory restore" in refused.stderr
    assert sandbox.run(["aios", "memory", "verify"], check=False).returncode != 0
    assert sandbox.run(["aios", "memory", "backup"], check=False).returncode == 125
    assert sandbox.run(["aios", "memory", "restore"], check=False).returncode == 1
    assert good in sandbox.run(["aios", "memory", "restore", "--force"]).stdout
    assert kept(sandbox, mark) == {mark}
    sandbox.run(["aios", "memory", "add", f"{mark} after"], user="me")
    assert sandbox.sh(f"ls {DIRECTORY}-backup/damaged-*/memory.db")


def test_what_is_forgotten_is_in_no_file(sandbox: Sandbox) -> None:
    secret = f"zzx{new_id()}"
    sandbox.run(["aios", "memory", "add", f"the {secret} is mine"], user="me")
    sandbox.run(["aios", "exec", "--", f"echo {secret}"], user="me")
    # exec tells memory after it has answered.
    until(lambda: secret in sandbox.run(["aios", "history", "--json"], user="me").stdout)
    sandbox.run(["aios", "memory", "backup"])
    look = f"cat {DIRECTORY}/* {DIRECTORY}-backup/*.db | grep -aic {secret} || true"
    assert sandbox.sh(look) != "0"
    asked = sandbox.run(["aios", "memory", "forget", "--query", secret], user="me", check=False)
    assert (asked.returncode, "Nothing was forgotten" in asked.stderr) == (1, True)
    dry = sandbox.run(["aios", "memory", "forget", "--query", secret, "--dry-run"], user="me")
    assert dry.stdout == "1 memories and 1 commands would be forgotten\n"
    done = sandbox.run(["aios", "memory", "forget", "--query", secret, "--force"], user="me")
    assert done.stdout.startswith("1 memories and 1 commands forgotten\n")
    assert sandbox.sh(look) == "0"
    again = sandbox.run(["aios", "memory", "forget", "--query", secret, "--force"], user="me",
                        check=False)  # fmt: skip
    assert again.returncode == 1


def test_the_timer_backs_up(sandbox: Sandbox) -> None:
    sandbox.run(["systemctl", "start", "aios-memory-backup.service"])
    listed = sandbox.run(["aios", "memory", "backup", "--list", "--json"]).stdout
    (newest, *_) = json.loads(listed)
    assert newest["bytes"] > 0
    assert "aios-memory-backup" in sandbox.sh("systemctl list-timers --no-legend")
    with pytest.raises(subprocess.CalledProcessError):
        sandbox.run(["aios", "memory", "backup"], user="ai", machine="aios")
