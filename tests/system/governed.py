"""Commands through org.aios.Exec1, and people who approve them."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox import Sandbox

from aios.ids import exec_bus_name
from aios.text import visible

BUSCTL = ["busctl", "--json=short", "--timeout=40", "call"]
POLICY = ["org.aios.Policy1", "/org/aios/Policy1", "org.aios.Policy1"]
SIGNATURES = {
    "timeout_usec": "t", "output_max": "t", "memory_max": "t", "tasks_max": "t", "cpu_weight": "t",
    "confirm_within_usec": "t", "env": "a{ss}",
}  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """What Run answered; `error` is its message when it was an error."""

    status: int
    stdout: str
    stderr: str
    details: dict[str, Any]
    error: str = ""


def plain(value: Any) -> Any:
    """busctl's JSON without its types."""
    if isinstance(value, dict) and value.keys() == {"type", "data"}:
        return plain(value["data"])
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def argv(command: str, machine: str, options: dict[str, Any]) -> list[str]:
    words = [*BUSCTL, exec_bus_name(machine), "/org/aios/Exec1", "org.aios.Exec1", "Run",
             "sa{sv}", "--", command, str(len(options))]  # fmt: skip
    for name, value in options.items():
        words += [name, SIGNATURES.get(name, "s")]
        if isinstance(value, dict):
            words += [str(len(value)), *(word for pair in value.items() for word in pair)]
        else:
            words.append(str(value))
    return words


def reply(status: int, stdout: str, stderr: str) -> Reply:
    if status:
        return Reply(-1, "", "", {}, error=stderr.strip() or f"busctl ended with {status}")
    data = json.loads(stdout)["data"]
    return Reply(data[0], data[1], data[2], plain(data[3]))


def run(
    sandbox: Sandbox, command: str, *, machine: str = "aios", user: str = "me", **options: Any
) -> Reply:
    done = sandbox.run(argv(command, machine, options), user=user, check=False, timeout=150)
    return reply(done.returncode, done.stdout, done.stderr)


def start(
    sandbox: Sandbox, command: str, *, machine: str = "aios", user: str = "me", **options: Any
) -> subprocess.Popen[str]:
    process: subprocess.Popen[str] = sandbox.popen(argv(command, machine, options), user=user)
    return process


def end(process: subprocess.Popen[str]) -> Reply:
    stdout, stderr = process.communicate(timeout=150)
    return reply(process.returncode, stdout, stderr)


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Asks again and again: for what announces itself on no bus that a test can listen to."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never happened"
    return found


def requests(sandbox: Sandbox) -> dict[str, str]:
    """Shown command → id of what waits for approval."""
    done = sandbox.run([*BUSCTL, *POLICY, "ListPending"], user="me")
    return {row[1]: row[0] for row in json.loads(done.stdout)["data"][0]}


def pending(sandbox: Sandbox, command: str) -> str:
    """The id of the request for this command, once there is one."""
    return str(until(lambda: requests(sandbox).get(visible(command))))


def approve(sandbox: Sandbox, request: str, *, user: str = "me", check: bool = True) -> None:
    sandbox.run([*BUSCTL, *POLICY, "Approve", "sa{sv}", request, "0"], user=user, check=check)


@contextlib.contextmanager
def asking(sandbox: Sandbox, command: str) -> Iterator[str]:
    """Somebody on the host waits for a human's word on it: the request's id."""
    waiting = start(sandbox, command)
    try:
        yield pending(sandbox, command)
    finally:
        if request := requests(sandbox).get(visible(command)):
            reject(sandbox, request, "the test is over")
        waiting.communicate(timeout=60)


def reject(sandbox: Sandbox, request: str, reason: str) -> None:
    sandbox.run([*BUSCTL, *POLICY, "Reject", "ss", request, reason], user="me")


def run_approved(sandbox: Sandbox, command: str, **options: Any) -> Reply:
    """Runs it, with somebody's approval if it needs one."""
    waiting = start(sandbox, command, **options)
    job = until(lambda: waiting.poll() is not None or requests(sandbox).get(visible(command)))
    if job is not True:
        approve(sandbox, job)
    return end(waiting)


def chain(sandbox: Sandbox, job: str) -> list[dict[str, Any]]:
    """The audit records of one command, as an administrator finds them."""
    found: list[dict[str, Any]] = sandbox.journal("--unit=aios-exec@*", f"AIOS_ID={job}")
    return found


def whole_record(sandbox: Sandbox, machine: str = "aios") -> list[dict[str, Any]]:
    """All of a machine's that the journal still has, in the order of the chain. One that exec was
    killed over may be there twice."""
    found = sandbox.journal(f"_SYSTEMD_UNIT=aios-exec@{machine}.service", "_UID=0")
    each = {record["AIOS_HASH"]: record for record in found if "AIOS_HASH" in record}
    return sorted(each.values(), key=lambda record: int(record["AIOS_SEQUENCE"]))


def events(sandbox: Sandbox, job: str) -> list[str]:
    return [record["AIOS_EVENT"] for record in chain(sandbox, job)]


def last_job(sandbox: Sandbox, command: str) -> str:
    """The id of the latest command with these bytes."""
    found = sandbox.journal("--lines=1", "--unit=aios-exec@*", f"AIOS_COMMAND={command}")
    return str(found[-1]["AIOS_ID"]) if found else ""


def started(sandbox: Sandbox, command: str, **options: Any) -> tuple[subprocess.Popen[str], str]:
    """Its caller and its id, once it runs."""
    before = last_job(sandbox, command)
    waiting = start(sandbox, command, **options)

    def found() -> str:
        job = last_job(sandbox, command)
        return job if job != before and "started" in events(sandbox, job) else ""

    return waiting, str(until(found))


def units(sandbox: Sandbox, machine: str = "aios") -> str:
    """The units of commands that the machine still has."""
    return str(
        sandbox.sh(
            f"systemctl -M {machine} list-units --all --plain --no-legend 'run-aios-*.service'"
        )
    )


def owed(sandbox: Sandbox, machine: str = "aios") -> str:
    """The files of the jobs that exec has not brought to their end."""
    directories = f"/var/lib/aios/exec/{machine}/jobs /run/aios/state/{machine}/jobs"
    return str(sandbox.sh(f'grep -rL \'"step": "ended"\' {directories} || true'))


def kill(sandbox: Sandbox, unit: str) -> None:
    """kill -9. Returns when systemd has seen the service end, and with it the bus: what it is sent
    until then is lost."""
    sandbox.sh(
        f"unit={unit}.service; pid=$(systemctl show -P MainPID $unit);"
        " systemctl kill -s KILL $unit 2>/dev/null || true;"
        ' [ "$pid" = 0 ] || tail -s 0.01 --pid="$pid" -f /dev/null'
    )


def kill_exec(sandbox: Sandbox, machine: str = "aios") -> None:
    kill(sandbox, f"aios-exec@{machine}")


GATE = "/var/tmp/gate"
BEHIND_GATE = f"tail --retry -n 1 -F {GATE} 2>/dev/null | head -n 1"
"""Runs without asking, and until the machine's gate is open: prints "open" then."""


def shut_gate(sandbox: Sandbox) -> None:
    sandbox.machine(["rm", "-f", GATE])


def open_gate(sandbox: Sandbox) -> None:
    """Not by a unit of the machine: a journal that is gone would be in its way."""
    sandbox.run(["tee", f"/proc/{sandbox.machine_leader()}/root{GATE}"], input="open\n")
