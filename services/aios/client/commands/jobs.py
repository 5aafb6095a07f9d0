"""aios jobs, attach, cancel and confirm: commands that run, in whatever machine."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from aios.client import machines, place
from aios.client.terminal import Terminal, print_error, seconds
from aios.client.varlink import ERROR_PREFIX, FAILED, UNAVAILABLE, ClientError, Connection
from aios.text import print_json, visible

ANSWER_SECONDS = 30.0
HOST = ".host"
EPILOG = {
    "attach": "Ctrl-C leaves, and the job goes on; with a terminal of its own it gets every key."
    " exit status: the job's; 125 aios itself failed",
}


def main(name: str, arguments: Sequence[str]) -> int:
    place.require_host(f"aios {name}", "Here a command just runs; the host's aios lists them.")
    return {"jobs": _jobs, "attach": _attach, "cancel": _cancel, "confirm": _confirm}[name](
        arguments
    )


def _machine(parser: ArgumentParser) -> None:
    parser.add_argument("-m", "--machine", help="only there; default: every machine that runs")


def _id(name: str, description: str, arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog=f"aios {name}", description=description, epilog=EPILOG.get(name))
    _machine(parser)
    parser.add_argument("id", metavar="ID", help="as `aios jobs` shows it; its end is enough")
    return parser.parse_args(arguments)


def _ask(machine: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    with Connection(place.exec_socket(machine), timeout=ANSWER_SECONDS) as connection:
        return connection.call(f"{place.EXEC}.{method}", parameters)


def _listed(machine: str | None, silent: list[str]) -> Iterator[dict[str, Any]]:
    """One's own jobs (root: everybody's), each with its machine. `silent` gets the machines whose
    exec does not say, where none was named: the others' jobs are there all the same."""
    for name in [machine] if machine else machines.governed():
        try:
            jobs = _ask(name, "ListJobs", {})["jobs"]
        except ClientError as error:
            if machine:
                raise
            print_error(f"{name}: {error.message}", error.hint)
            silent.append(name)
            continue
        for job in jobs:
            # What has ended is kept for a while for whoever waits for it.
            if job.get("state") == "ended" and not job.get("detach"):
                continue
            yield {"machine": name, **job}


def _find(given: Namespace) -> dict[str, Any]:
    # "" is the end of each: what an unset variable of a script is.
    silent: list[str] = []
    found = [job for job in _listed(given.machine, silent)
             if given.id and str(job["id"]).endswith(given.id.upper())]  # fmt: skip
    if silent and not (found and found[0]["id"] == given.id.upper()):
        raise ClientError(
            UNAVAILABLE, f"{', '.join(silent)}: nobody says which jobs are there",
            "Name the machine (-m), or the whole ID.",
        )  # fmt: skip
    if len(found) == 1:
        return found[0]
    if found:
        raise ClientError(ERROR_PREFIX + "NotFound", f"{given.id!r} is the end of several ids")
    raise ClientError(
        ERROR_PREFIX + "NotFound", f"no job {given.id!r}", "aios jobs lists them; aios log what ran"
    )


def _jobs(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios jobs",
        description="Commands that run, and detached ones that have ended.",
    )
    _machine(parser)
    parser.add_argument("--json", action="store_true", help="one list of objects")
    given = parser.parse_args(arguments)
    silent: list[str] = []
    listed = list(_listed(given.machine, silent))
    status = FAILED if silent else 0
    if given.json:
        print_json(listed)
        return status
    terminal = Terminal()
    for job in listed:
        about = [str(job["machine"]), str(job.get("user", job.get("uid", "")))]
        about += [word for word in ("detach", "pty") if job.get(word)]
        state = str(job.get("state", ""))
        if "exit_status" in job:
            state = f"{job.get('ended', state)}, exit {job['exit_status']}"
        about.append(state)
        if started := _age(job):
            about.append(started)
        terminal.line(f"{job['id']}  {visible(str(job['command']))}  ({', '.join(about)})")
    return status


def _age(job: dict[str, Any]) -> str:
    import time

    started = job.get("started_usec")
    return f"{seconds(max(time.time() * 1e6 - started, 0))} ago" if started else ""


def _attach(arguments: Sequence[str]) -> int:
    given = _id("attach", "What a detached job printed and prints, to its end.", arguments)
    found = _find(given)
    from aios.client import foreground
    from aios.client.job import Job, ends

    path = place.exec_socket(found["machine"])
    with Connection(path, timeout=ANSWER_SECONDS) as connection:
        job_ends = ends(connection.ask(f"{place.EXEC}.Attach", {"id": found["id"]}))
    job = Job(path, found["id"], Connection(path))
    try:
        pty = bool(found.get("pty")) and sys.stdin.isatty() and sys.stdout.isatty()
        return foreground.live(job, job_ends, pty=pty, stops=False)
    finally:
        job.close()


def _cancel(arguments: Sequence[str]) -> int:
    given = _id("cancel", "Stops a job, with everything that it started.", arguments)
    found = _find(given)
    with Connection(place.exec_socket(found["machine"]), timeout=ANSWER_SECONDS) as connection:
        connection.call(f"{place.EXEC}.Job.Cancel", {"object": found["id"]})
    return 0


def _confirm(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios confirm",
        description="Keeps what `aios exec --confirm-within` did, which is undone otherwise.",
    )
    parser.add_argument("id", metavar="ID", help="the whole id, as it was shown")
    given = parser.parse_args(arguments)
    _ask(HOST, "Confirm", {"id": given.id})
    return 0
