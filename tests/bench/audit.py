"""What the record costs a command, and what it takes to read a million of them again, beside
journalctl alone. In a sandbox of its own.

What is written to journald comes from exec's own code (`aios.exec.audit`), in a process that root
put into a cgroup with the name of exec's unit. What is searched has the same fields, and comes to
the journal by systemd-journal-remote, which takes the trusted ones as they are.
"""

import json
import os
import statistics
from collections.abc import Iterator

from governed import run
from sandbox import PYTHON, Sandbox

from bench import Figure, sandboxed, spread

RECORDS = int(os.environ.get("AIOS_BENCH_RECORDS", "1000000"))
"""In the journal that is searched."""
ROUNDS = 1000
MACHINE = "bench-audit"

JOB = """
from aios.exec.audit import Audit
from aios.exec.job import Job
from aios.exec.unit import Ended, Result
from aios.ids import new_id
import dataclasses

USERS = ("alice", "bob", "carol", "dave")
result = Result(Ended.EXIT, status=0, cpu_usec=12000, duration_usec=31000)

def command(audit, number, machine):
    rare = " rare-word" if number % 50000 == 4321 else ""
    job = Job(new_id(), f"apt list --installed | grep package-{number}{rare}", machine, 1000,
              USERS[number % 4], 0, session=f"S{number // 100}", decision="auto_allow",
              rule="/usr/lib/aios/aios/policy/data/policy.toml:307 apt list",
              reason="it only lists", profile="read-only", cwd="/root")
    if number % 100 == 99:
        job = dataclasses.replace(job, decision="deny")
    audit.requested(job)
    audit.decided(job)
    if job.decision == "deny":
        return
    audit.started(job, f"run-aios-{job.id}.service")
    audit.finished(job, result, bytes_out=1000)
"""

# Prints JSON: microseconds of the four records of each command, with and without the chain, and of
# four lines that say the same, without any field of ours.
WRITE = (
    JOB
    + """
import asyncio, json, multiprocessing, os, pathlib, sys, tempfile, time
from systemd import journal
from aios.exec import audit as module

def become(unit):
    cgroup = pathlib.Path("/sys/fs/cgroup/system.slice", unit)
    cgroup.mkdir(exist_ok=True)
    (cgroup / "cgroup.procs").write_text(str(os.getpid()))

def lines(number):
    for event in ("asks to run", "Automatically allowed", "Started", "Finished with status 0"):
        journal.send(f"{event} on bench: apt list --installed | grep package-{number}")

def writer(name, pipe):
    become(f"bench-{name.split()[0]}.service")
    if name == "records":
        module.digest = lambda fields: "0" * 64
    audit = Audit("bench-write", pathlib.Path(tempfile.mkdtemp()))
    asyncio.run(audit.require())
    while (number := pipe.recv()) is not None:
        start = time.perf_counter()
        lines(number) if name == "lines" else command(audit, number, "bench-write")
        pipe.send((time.perf_counter() - start) * 1e6)

fork = multiprocessing.get_context("fork")
pipes, found = {}, {"lines": [], "records": [], "records with the chain": []}
for name in found:
    pipes[name], end = fork.Pipe()
    fork.Process(target=writer, args=(name, end), daemon=True).start()
for number in range(int(sys.argv[1])):
    # One after the other, so that what else the computer does disturbs all.
    for name, pipe in pipes.items():
        if number % 100 != 99:
            pipe.send(number)
            found[name].append(pipe.recv())
print(json.dumps(found))
"""
)

# Writes the export format (systemd.io/JOURNAL_EXPORT_FORMATS) to standard output.
EXPORT = (
    JOB
    + """
import pathlib, sys, tempfile, time
from aios.exec.audit import Head
from aios.record.digest import GENESIS

wanted, machine = int(sys.argv[1]), sys.argv[2]
boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
begun = time.time_ns() // 1000 - wanted * 1000
count = 0

class Exporting(Audit):
    def _send(self, fields):
        global count
        count += 1
        own = {
            "__REALTIME_TIMESTAMP": begun + count * 1000, "__MONOTONIC_TIMESTAMP": count,
            "_BOOT_ID": boot, "_UID": "0", "_SYSTEMD_UNIT": f"aios-exec@{machine}.service",
            "_COMM": "python3", "_TRANSPORT": "journal",
        }
        lines = (f"{name}={value}" for name, value in {**own, **fields}.items())
        sys.stdout.write("\\n".join(lines) + "\\n\\n")

    def _anchor(self, head):
        pass

audit = Exporting(machine, pathlib.Path(tempfile.mkdtemp()))
audit._head = Head(GENESIS, 0, usec=0)
number = 0
while count < wanted:
    command(audit, number, machine)
    number += 1
"""
)

UNIT = f"_SYSTEMD_UNIT=aios-exec@{MACHINE}.service"
JSON = ["journalctl", "-o", "json", "--all", "--quiet", UNIT]
LAST_MINUTE = "--since=LAST_MINUTE"
# Ours, and what journalctl takes to bring the same records.
QUERIES: dict[str, tuple[list[str], list[str]]] = {
    "aios log -n 20": ([], [*JSON, "-n", "80"]),
    "aios log --user -n 20": (["--user", "carol"], [*JSON, "AIOS_USER=carol", "-n", "80"]),
    "aios log --decision deny -n 20": (
        ["--decision", "deny"], [*JSON, "AIOS_DECISION=deny", "-n", "40"],
    ),
    "aios log --decision deny -n 0": (
        ["--decision", "deny", "-n", "0", "--json"], [*JSON, "AIOS_DECISION=deny"],
    ),
    "aios log --since (a minute) -n 0": (
        [LAST_MINUTE, "-n", "0", "--json"], [*JSON, LAST_MINUTE],
    ),
    "aios log --grep (rare) -n 20": (["--grep", "rare-word"], [*JSON, "-g", "rare-word"]),
    "aios log --grep (all) -n 0": (
        ["--grep", "package", "-n", "0", "--json"], [*JSON, "-g", "package"],
    ),
    "aios log -n 0": (["-n", "0", "--json"], JSON),
    "aios log stats": (["stats"], JSON),
    "aios log verify": (["verify"], JSON),
    "aios log export": (["export"], JSON),
}  # fmt: skip
# Seconds, MiB of the process itself (journalctl maps the journal), and its exit status.
TIME = """
import json, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
most = 0
while process.poll() is None:
    with open(f"/proc/{process.pid}/status") as status:
        used = [line.split()[1] for line in status if line.startswith("RssAnon")]
    most = max(most, *map(int, used), 0)
    time.sleep(0.02)
print(json.dumps([time.perf_counter() - start, most / 1024, process.returncode]))
"""
IMPORT = """
set -e
apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
    --no-install-recommends systemd-journal-remote
directory=/var/log/journal/$(cat /etc/machine-id)
"$0" -I /root/export.py "$1" "$2" |
    /lib/systemd/systemd-journal-remote --output="$directory/system@bench.journal" -
chgrp -R systemd-journal "$directory"
"""


def figures() -> Iterator[Figure]:
    with sandboxed("bench-audit", end="--purge") as sandbox:
        # As LogRateLimitIntervalSec= has it for exec's real unit.
        sandbox.sh(
            "mkdir -p /run/systemd/journald.conf.d; printf '[Journal]\\nRateLimitBurst=0\\n'"
            " > /run/systemd/journald.conf.d/bench.conf; systemctl restart systemd-journald"
        )
        yield from _writing(sandbox)
        yield from _reading(sandbox)


def _writing(sandbox: Sandbox) -> Iterator[Figure]:
    said = sandbox.run([PYTHON, "-I", "-", str(ROUNDS)], input=WRITE, timeout=3600)
    found = json.loads(said.stdout)
    for name, values in found.items():
        yield from spread(f"of a command, four {name}", values, "µs")
    lines, _, chained = (statistics.median(values) for values in found.values())
    yield Figure("records with the chain / lines", chained / lines, "x")
    took = [run(sandbox, "true").details["duration_usec"] for _ in range(20)]
    yield Figure("records with the chain / a warm `true`", chained / statistics.median(took), "x")


def _reading(sandbox: Sandbox) -> Iterator[Figure]:
    sandbox.run(["tee", "/root/export.py"], input=EXPORT)
    sandbox.run(["bash", "-c", IMPORT, PYTHON, str(RECORDS), MACHINE], timeout=3600)
    number = sandbox.sh(f"journalctl -o cat --quiet {UNIT} | wc -l")
    yield Figure("records in the journal that is read", float(number), "records")
    last = sandbox.sh(f"journalctl -o short-unix --quiet -n 1 {UNIT}").partition(".")[0]
    since = f"--since=@{int(last) - 60}"
    known: dict[str, float] = {}
    for name, given in QUERIES.items():
        words, peer = ([since if word is LAST_MINUTE else word for word in one] for one in given)
        ours, megabytes = _timed(sandbox, name, ["aios", "log", *words, "-m", MACHINE])
        key = " ".join(peer)
        alone = known[key] = known.get(key) or _timed(sandbox, key, peer)[0]
        yield Figure(name, ours, "s")
        yield Figure(f"{name}, memory", megabytes, "MiB")
        yield Figure(f"{name} / journalctl", ours / alone, "x")


def _timed(sandbox: Sandbox, name: str, argv: list[str]) -> tuple[float, float]:
    """Seconds, MiB."""
    said = sandbox.run([PYTHON, "-I", "-", *argv], input=TIME, timeout=3600)
    seconds, megabytes, status = json.loads(said.stdout)
    assert status == 0, (name, said.stderr)
    return seconds, megabytes
