"""Commands that leave a trace of their own in the machine, and what the record says of them.

`append-id NAME` runs without asking, `append-approved NAME` waits for a human; both append NAME to
a file of the machine.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from sandbox import PYTHON, Sandbox

MARKER = "/var/tmp/ids"
RULES = "/etc/aios/config.d/90-test-load.toml"
PROGRAMS = {"append-id": "notify", "append-approved": "require_approval"}
_INSTALL = f"""
rm -f {MARKER}; touch {MARKER}
for program in {" ".join(PROGRAMS)}; do
    echo 'echo $1 >> {MARKER}' > /usr/local/bin/$program
    chmod 755 /usr/local/bin/$program
done
"""


@contextlib.contextmanager
def appending(sandbox: Sandbox) -> Iterator[None]:
    """With these programs and their rules."""
    sandbox.machine(["sh", "-c", _INSTALL])
    rules = "".join(
        f'[[permissions.rule]]\npattern = "{program} *"\ndecision = "{decision}"\n'
        for program, decision in PROGRAMS.items()
    )
    sandbox.run(["mkdir", "-p", "/etc/aios/config.d"])
    sandbox.run(["tee", RULES], input=rules)
    try:
        yield
    finally:
        sandbox.run(["rm", RULES])


def made(sandbox: Sandbox) -> list[str]:
    """The names that ran, as often as they did."""
    return sandbox.machine(["cat", MARKER]).stdout.split()


def recorded(sandbox: Sandbox, mark: str) -> dict[str, list[str]]:
    """Name, of those that begin with `mark` → events of its one command. A record may be in the
    journal twice, with one hash."""
    found: dict[str, dict[str, str]] = {}
    of_name: dict[str, str] = {}
    for record in sandbox.journal("--unit=aios-exec@*", "_UID=0"):
        # (Of a command that is no plain text, journalctl gives the bytes.)
        program, _, name = str(record.get("AIOS_COMMAND", "")).partition(" ")
        if program in PROGRAMS and name.startswith(mark) and "AIOS_HASH" in record:
            assert of_name.setdefault(name, record["AIOS_ID"]) == record["AIOS_ID"]
            found.setdefault(name, {})[record["AIOS_HASH"]] = record["AIOS_EVENT"]
    return {name: list(events.values()) for name, events in found.items()}


# 16 clients until its input ends; then a list of [kind, name, outcome, more] of what each asked.
CLIENTS = """
import json, subprocess, sys, threading, time, traceback
from aios.client import approval, place
from aios.client.varlink import ClientError, Connection

mark, program = sys.argv[1:]
over = threading.Event()
told, lock = [], threading.Lock()
SECONDS = 60

def run(command, options=None, event=lambda parameters: None):
    with Connection(place.exec_socket("aios"), timeout=SECONDS) as call:
        call.send("org.aios.Exec1.Run", {"command": command, "options": options or {}}, more=True)
        while True:
            for reply in call.pull():
                if not reply.continues:
                    return reply.parameters["exit_status"]
                event(reply.parameters)

def command(name):
    return run(f"append-id {name}"), ""

def approved(name):
    more = {}
    def event(parameters):
        more["id"] = parameters["pending"]
        while not more.get("acknowledged"):
            try:
                approval.approve(more["id"])
                more["acknowledged"] = True
            except ClientError as error:
                more["refused"] = f"{error.name}: {error.message}"
                if not error.name.endswith(".Unavailable"):
                    break  # the answer that was lost had been yes, or nobody waits any more
    try:
        return run(f"append-approved {name}", event=event), more
    except ClientError as error:
        error.more = more
        raise

def memory(name):
    with Connection(place.socket_path("memory"), timeout=SECONDS) as call:
        call.call("org.aios.Memory1.Create", {"content": f"{mark} {name}", "options": {}})
    return 0, ""

def program_of(*arguments):
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS)
    return done.returncode, {"said": done.stderr, "printed": done.stdout}

def exec_(name):
    return program_of("exec", "--", f"append-id {name}")

def chat(name):
    return program_of(f"!append-id {name}")

def machines(name):
    return program_of("machine", "list")

def client(number, ask):
    turn = 0
    while not over.is_set():
        name = f"{mark}-{ask.__name__}-{number}-{turn}"
        turn += 1
        try:
            status, more = ask(name)
            entry = [ask.__name__, name, status, more]
        except ClientError as error:
            entry = [ask.__name__, name, error.name, {"said": error.message,
                     **getattr(error, "more", {})}]
        except BaseException:
            entry = [ask.__name__, name, "TRACEBACK", {"said": traceback.format_exc()}]
        with lock:
            told.append(entry)

kinds = [command] * 3 + [machines] + [exec_] * 2 + [approved] * 4 + [memory] * 4 + [chat] * 2
threads = [threading.Thread(target=client, args=each) for each in enumerate(kinds)]
for thread in threads:
    thread.start()
print("at work", flush=True)
sys.stdin.read()
over.set()
for thread in threads:
    thread.join()
print(json.dumps(told))
"""

# kill -9 of one of the services, again and again, each after a while that nobody knows. Prints how
# often each was killed.
KILLS = """
import collections, json, os, random, signal, subprocess, sys, time

seed, count, *units = sys.argv[1:]
chance, killed = random.Random(seed), collections.Counter()
while killed.total() < int(count):
    time.sleep(chance.uniform(0.05, 1.0))
    unit = chance.choice(units)
    said = subprocess.run(["systemctl", "show", "-P", "MainPID", unit], capture_output=True)
    if pid := int(said.stdout):
        try:
            os.kill(pid, signal.SIGKILL)
            killed[unit] += 1
        except ProcessLookupError:
            pass
print(json.dumps(killed))
"""


def kill_under_load(
    sandbox: Sandbox, mark: str, units: list[str], *, seed: str, kills: int
) -> tuple[dict[str, int], list[list[Any]]]:
    """(unit → how often it was killed, what each client was told: kind, name, outcome, more)"""
    clients = sandbox.popen([PYTHON, "-I", "-c", CLIENTS, mark, "/usr/bin/aios"], user="me")
    try:
        assert clients.stdout is not None
        assert clients.stdout.readline() == "at work\n"
        killed = sandbox.run(
            [PYTHON, "-I", "-c", KILLS, seed, str(kills), *units], timeout=60 + 10 * kills
        ).stdout
    finally:
        said, complaint = clients.communicate("", timeout=200)
    assert clients.returncode == 0, complaint
    return json.loads(killed), json.loads(said)
