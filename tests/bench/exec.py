"""A governed command (client → policy → audit → unit → output) beside its peers, in a sandbox of
its own. Like with like: `standard` beside a plain systemd-run, `read-only` beside one with a mount
namespace. The rounds of all are interleaved: who else uses the computer disturbs each as much.
podman (runc) is installed for it where the sandbox can reach a mirror. Where not, or where it runs
no container there, that is said.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox import PYTHON

from bench import Figure, medians, podman, ratios, resident, sandboxed, source, spread

ROUNDS = 60
PAUSED_ROUNDS = 30
PAUSE_SECONDS = 0.1
"""As between two commands of a person's: processors sleep, and the kernel waits for all of them
before a process is in its cgroup."""
AT_ONCE = 64
COMMANDS = 10_000
"""Between the two looks at the services' memory."""
SERVICES = ("aios-exec@aios", "aios-policy", "aios-memory")

# Each runs in the sandbox, as root, and prints JSON. Times are milliseconds.
COMMON = """
import json, os, pathlib, random, statistics, subprocess, sys, threading, time
sys.path.insert(0, "/usr/lib/aios/client")
from aios.client.varlink import Connection

def run(connection, command):
    reply = connection.call("org.aios.Exec1.Run", {"command": command, "options": {}})
    reply = getattr(reply, "parameters", reply)
    assert reply["exit_status"] == 0, reply

def connect():
    return Connection("/run/aios/exec/aios.sock")

def process(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)

def cpu():
    # Of all that runs in the sandbox, its machine included.
    words = pathlib.Path("/sys/fs/cgroup/cpu.stat").read_text().split()
    return int(words[words.index("usage_usec") + 1]) / 1000

plain = ["systemd-run", "-q", "-M", "aios", "--pipe", "--wait", "--collect"]
confined = [*plain, "-p", "ProtectSystem=strict", "-p", "ProtectHome=read-only", "-p", "User=ai"]
leader = subprocess.run(["machinectl", "show", "aios", "-p", "Leader", "--value"], text=True,
                        check=True, stdout=subprocess.PIPE).stdout.strip()
"""

WARM = (
    COMMON
    + """
kept = connect()
peers = {
    "governed, notify (standard)": lambda: run(kept, "mkdir -p /tmp"),
    "systemd-run -M": lambda: process(*plain, "mkdir", "-p", "/tmp"),
    "governed, auto_allow (read-only)": lambda: run(kept, "true"),
    "systemd-run -M, mount namespace": lambda: process(*confined, "true"),
    "aios exec, a fresh process": lambda: process("aios", "exec", "--", "mkdir", "-p", "/tmp"),
    "machinectl shell": lambda: process("machinectl", "-q", "shell", "aios", "/bin/true"),
    "nsenter -a": lambda: process("nsenter", "-t", leader, "-a", "true"),
}
peers["python3 -IS -c pass"] = lambda: process("/usr/bin/python3", "-IS", "-c", "pass")
if sys.argv[2] == "podman":
    peers["podman exec"] = lambda: process("podman", "exec", "bench", "/bin/true")
times, used = {name: [] for name in peers}, dict.fromkeys(peers, 0.0)
for round_ in range(int(sys.argv[1]) + 1):
    # In another order each time: what one leaves behind, the next one pays for.
    for name, work in random.sample(list(peers.items()), len(peers)):
        time.sleep(float(sys.argv[3]))
        begin, before = time.perf_counter(), cpu()
        work()
        if round_:
            times[name].append((time.perf_counter() - begin) * 1000)
            used[name] += cpu() - before
print(json.dumps([times, used]))
"""
)

TOGETHER = (
    COMMON
    + """
count = int(sys.argv[1])
connections = [connect() for _ in range(count)]

def together(works):
    threads = [threading.Thread(target=work) for work in works]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - begin)

rates = {"governed": [], "systemd-run -M": []}
for round_ in range(4):
    ours = together([lambda c=c: run(c, "mkdir -p /tmp") for c in connections])
    theirs = together([lambda: process(*plain, "mkdir", "-p", "/tmp")] * count)
    if round_:
        rates["governed"].append(ours)
        rates["systemd-run -M"].append(theirs)
print(json.dumps(rates))
"""
)

# The unit's own time stamps are of the clock that time.monotonic() reads. A first command is more
# than a first reply: the link into the machine is opened, and what its profile does is looked at.
COLD = (
    COMMON
    + """
def stamp(name):
    said = subprocess.run(["systemctl", "show", "-P", name, "aios-exec@aios.service"], text=True,
                          check=True, stdout=subprocess.PIPE).stdout
    return int(said) / 1000

def now():
    return time.monotonic() * 1000

found = {name: [] for name in ("first reply", "until it is started", "until it is ready",
                               "from then to the reply", "first command",
                               "python3 -c 'import dbus_next.aio'")}
run(connect(), "true")
for _ in range(15):
    process("systemctl", "stop", "aios-exec@aios.service")
    begin = now()
    connect().call("org.aios.Exec1.ListJobs", {})
    end = now()
    started = stamp("ExecMainStartTimestampMonotonic")
    ready = stamp("ActiveEnterTimestampMonotonic")
    process("systemctl", "stop", "aios-exec@aios.service")
    again = now()
    run(connect(), "mkdir -p /tmp")
    command = now() - again
    bare = now()
    process("/usr/lib/aios/venv/bin/python3", "-I", "-c", "import dbus_next.aio")
    parts = (end - begin, started - begin, ready - started, end - ready, command, now() - bare)
    for name, value in zip(found, parts):
        found[name].append(value)
print(json.dumps(found))
"""
)

MEMORY = (
    source(resident)
    + COMMON
    + """
kept = connect()
count, units = int(sys.argv[1]), sys.argv[2:]
for _ in range(50):
    run(kept, "true")
before = {unit: resident(unit) for unit in units}
for _ in range(count):
    run(kept, "true")
print(json.dumps([before, {unit: resident(unit) for unit in units}]))
"""
)

STREAM = (
    COMMON
    + """
def through(*argv):
    begin = time.perf_counter()
    command = [*argv, "head", "-c", "1073741824", "/dev/zero"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as writes:
        counted = subprocess.run(["wc", "-c"], stdin=writes.stdout, stdout=subprocess.PIPE,
                                 check=True)
    assert counted.stdout.strip() == b"1073741824" and writes.returncode == 0
    return 1024 / (time.perf_counter() - begin)

rates = {"aios exec": [], "systemd-run --pipe": []}
for round_ in range(5):
    rates["aios exec"].append(through("aios", "exec", "--"))
    rates["systemd-run --pipe"].append(through(*plain))
print(json.dumps({name: statistics.median(found) for name, found in rates.items()}))
"""
)


# A container of the machine's own files.
CONTAINER = """
podman container exists bench || podman --runtime runc run -d --name bench --network=none \\
    --pids-limit=-1 --ulimit nofile=20000:20000 --ulimit nproc=20000:20000 \\
    --rootfs /var/lib/machines/aios:O sleep infinity >/dev/null
podman start bench >/dev/null
podman exec bench /bin/true
"""


def figures() -> Iterator[Figure]:
    with sandboxed("bench") as sandbox:

        def ask(script: str, *arguments: object) -> Any:
            argv = [PYTHON, "-I", "-", *map(str, arguments)]
            return json.loads(sandbox.run(argv, input=script, timeout=3600).stdout)

        peer = "podman" if podman(sandbox, CONTAINER) else "none"
        yield from _warm(*ask(WARM, ROUNDS, peer, 0))
        yield from _paused(ask(WARM, PAUSED_ROUNDS, "none", PAUSE_SECONDS)[0])
        yield from _together(ask(TOGETHER, AT_ONCE))
        yield from _cold(ask(COLD))
        yield from _stream(ask(STREAM))
        yield from _memory(*ask(MEMORY, COMMANDS, *SERVICES))


def _warm(times: Mapping[str, Sequence[float]], used: Mapping[str, float]) -> Iterator[Figure]:
    for name, values in times.items():
        yield from spread(name, values, "ms")
        yield Figure(f"{name}, CPU of everything", used[name] / len(values), "ms")
    yield from ratios(
        medians(times),
        ("governed, notify (standard)", "systemd-run -M"),
        ("governed, auto_allow (read-only)", "systemd-run -M, mount namespace"),
        ("governed, auto_allow (read-only)", "governed, notify (standard)"),
        ("aios exec, a fresh process", "systemd-run -M"),
        ("aios exec, a fresh process", "machinectl shell"),
        ("aios exec, a fresh process", "nsenter -a"),
        ("aios exec, a fresh process", "python3 -IS -c pass"),
        ("aios exec, a fresh process", "podman exec"),
    )


def _paused(times: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    median = medians(times)
    peer = "systemd-run -M"
    yield Figure(f"after a pause: {peer}, median", median[peer], "ms")
    for ours in ("governed, notify (standard)", "aios exec, a fresh process"):
        yield Figure(f"after a pause: {ours}, median", median[ours], "ms")
        yield Figure(f"after a pause: {ours} / {peer}", median[ours] / median[peer], "x")


def _together(rates: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    median = medians(rates)
    for name, value in median.items():
        yield Figure(f"{AT_ONCE} at once: {name}", value, "/s")
    ratio = median["governed"] / median["systemd-run -M"]
    yield Figure(f"{AT_ONCE} at once: governed / systemd-run -M", ratio, "x")


def _cold(found: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    median = medians(found)
    for name, value in median.items():
        yield Figure(f"cold start: {name}, median", value, "ms")
    first, *_, command, bare = median.values()
    yield Figure("cold start: first reply / import dbus_next.aio", first / bare, "x")
    yield Figure("cold start: first command / import dbus_next.aio", command / bare, "x")


def _stream(rates: Mapping[str, float]) -> Iterator[Figure]:
    for name, rate in rates.items():
        yield Figure(f"1 GiB through a pipe: {name}", rate, "MiB/s")
    ours, theirs = rates.values()
    yield Figure("1 GiB through a pipe: aios exec / systemd-run --pipe", ours / theirs, "x")


def _memory(before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[Figure]:
    for unit, value in before.items():
        yield Figure(f"{unit}, resident", value, "MiB")
        yield Figure(f"{unit}, grown by {COMMANDS:,} commands", after[unit] - value, "MiB")
