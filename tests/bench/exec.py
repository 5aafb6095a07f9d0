"""A governed command (client → policy → audit → unit → output) beside plain systemd-run, in a
sandbox of its own. Like with like: `standard` beside a plain systemd-run, `read-only` beside one
with a mount namespace.
"""

import json
import statistics
from collections.abc import Iterator

from sandbox import Sandbox

from bench import Figure, spread

ROUNDS = 60
# Runs in the sandbox, as root: milliseconds of each round, as JSON.
MEASURE = """
import json, subprocess, sys, time
sys.path.insert(0, "/usr/lib/aios/client")
from aios.client.varlink import Connection

rounds = int(sys.argv[1])

def timed(work):
    work()
    values = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        values.append((time.perf_counter() - start) * 1000)
    return values

def governed(command):
    connection = Connection("/run/aios/exec/aios.sock")
    def work():
        reply = connection.call("org.aios.Exec1.Run", {"command": command, "options": {}})
        assert reply["exit_status"] == 0, reply
    return timed(work)

def process(*argv):
    return timed(lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL))

plain = ["systemd-run", "-q", "-M", "aios", "--pipe", "--wait", "--collect"]
confined = [*plain, "-p", "ProtectSystem=strict", "-p", "ProtectHome=read-only", "-p", "User=ai"]
print(json.dumps({
    "governed, auto_allow (read-only)": governed("true"),
    "governed, notify (standard)": governed("mkdir -p /tmp"),
    "aios exec, a fresh process": process("aios", "exec", "--", "true"),
    "systemd-run -M": process(*plain, "true"),
    "systemd-run -M, mount namespace": process(*confined, "true"),
}))
"""


def figures() -> Iterator[Figure]:
    sandbox = Sandbox("bench")
    sandbox.install("--", "true")
    try:
        measured = json.loads(sandbox.python(MEASURE, str(ROUNDS)))
    finally:
        sandbox.install("--down")
    for name, values in measured.items():
        yield from spread(name, values, "ms")
    median = {name: statistics.median(values) for name, values in measured.items()}
    for ours, peer in (
        ("governed, notify (standard)", "systemd-run -M"),
        ("governed, auto_allow (read-only)", "systemd-run -M, mount namespace"),
        ("aios exec, a fresh process", "systemd-run -M, mount namespace"),
    ):
        yield Figure(f"{ours} / {peer}", median[ours] / median[peer], "x")
