"""What the record costs a command, and what it takes to read it again, in a sandbox of its own.

The records are exec's own (`aios.exec.audit`), written from a process that root put into a cgroup
with the name of exec's unit: to journald, and so to `aios log`, they are real.
"""

import json
import os
import time
from collections.abc import Iterator

from sandbox import Sandbox

from bench import Figure, spread

COMMANDS = int(os.environ.get("AIOS_BENCH_COMMANDS", "25000"))
"""Of four records each, in the journal that is searched."""
ROUNDS = 2000

# Prints JSON: microseconds of the four records of each command, with and without the chain.
WRITE = """
import asyncio, dataclasses, json, multiprocessing, os, pathlib, sys, tempfile, time
from aios.exec import audit as module
from aios.exec.audit import Audit
from aios.exec.job import Job
from aios.exec.unit import Ended, Result
from aios.ids import new_id

USERS = ("alice", "bob", "carol", "dave")
result = Result(Ended.EXIT, status=0, cpu_usec=12000, duration_usec=31000)

def command(audit, number):
    rare = " rare-word" if number % 5000 == 4321 else ""
    job = Job(new_id(), f"apt list --installed | grep package-{number}{rare}", sys.argv[3], 1000,
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

def become(unit):
    cgroup = pathlib.Path("/sys/fs/cgroup/system.slice", unit)
    cgroup.mkdir(exist_ok=True)
    (cgroup / "cgroup.procs").write_text(str(os.getpid()))

def writer(unit, machine, pipe):
    become(unit)
    if machine == "without":
        module.digest = lambda fields: "0" * 64
    audit = Audit(machine, pathlib.Path(tempfile.mkdtemp()))
    asyncio.run(audit.require())
    while (number := pipe.recv()) is not None:
        start = time.perf_counter()
        command(audit, number)
        pipe.send((time.perf_counter() - start) * 1e6)

commands, rounds, machine = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
fork = multiprocessing.get_context("fork")
pipes, found = {}, {"with the chain": [], "without": []}
for name, unit, of in (("with the chain", f"aios-exec@{machine}.service", machine),
                       ("without", "bench-without.service", "without")):
    pipes[name], end = fork.Pipe()
    fork.Process(target=writer, args=(unit, of, end), daemon=True).start()
for number in range(commands):
    # One after the other, so that what else the computer does disturbs both.
    for name in pipes if number < rounds else ("with the chain",):
        pipes[name].send(number)
        took = pipes[name].recv()
        if number < rounds and number % 100 != 99:
            found[name].append(took)
print(json.dumps(found))
"""

QUERIES = {
    "aios log -n 20": [],
    "aios log --user -n 20": ["--user", "carol"],
    "aios log --decision deny -n 20": ["--decision", "deny"],
    "aios log --grep (rare) -n 0": ["--grep", "rare-word", "-n", "0"],
    "aios log -n 0": ["-n", "0", "--json"],
    "aios log stats": ["stats"],
    "aios log verify": ["verify"],
    "aios log export": ["export"],
}
TIME = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(["aios", "log", *sys.argv[1:]], stdout=subprocess.DEVNULL)
took = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([took, used.ru_maxrss / 1024, done.returncode]))
"""


def figures() -> Iterator[Figure]:
    sandbox = Sandbox("bench")
    sandbox.install("--", "true")
    # A chain of its own: one that an earlier run left half done is no part of it.
    machine = f"bench-{time.time_ns():x}"
    python = ["/usr/lib/aios/venv/bin/python3", "-I", "-"]
    try:
        # As LogRateLimitIntervalSec= has it for exec's real unit.
        sandbox.sh(
            "mkdir -p /run/systemd/journald.conf.d; printf '[Journal]\\nRateLimitBurst=0\\n'"
            " > /run/systemd/journald.conf.d/bench.conf; systemctl restart systemd-journald"
        )
        said = sandbox.run(
            [*python, str(COMMANDS), str(ROUNDS), machine], input=WRITE, timeout=3600
        )
        for name, values in json.loads(said.stdout).items():
            yield from spread(f"the four records of a command, {name}", values, "µs")
        sandbox.run(["journalctl", "--sync"], timeout=600)
        number = sandbox.sh(
            f"journalctl -o cat --quiet _SYSTEMD_UNIT=aios-exec@{machine}.service | wc -l"
        )
        yield Figure("records in the journal that is read", float(number), "records")
        for name, words in QUERIES.items():
            said = sandbox.run([*python, *words, "-m", machine], input=TIME, timeout=3600)
            seconds, megabytes, status = json.loads(said.stdout)
            assert status == 0, name
            yield Figure(name, seconds, "s")
            yield Figure(f"{name}, memory", megabytes, "MiB")
    finally:
        sandbox.install("--down")
