"""A job whose streams are ours, until it ends."""

from __future__ import annotations

import os
import sys

from aios.client import streams
from aios.client.job import STOPPING, End, Ends, Job, Left, ends, follow
from aios.client.lean import signals
from aios.client.streams import Screen, Stream, Tail, copy
from aios.client.varlink import Connection, Reply, close_all
from aios.client.wakeup import Wakeup

BROKEN_PIPE = 128 + signals.SIGPIPE


def run(
    path: str, call: Connection, reply: Reply, *, detach: bool, pty: bool, guarded: bool
) -> int:
    """After Start: the job's exit status. Of a detached one the id is printed. guarded: its id is
    needed before it ends."""
    job = Job(path, str(reply.parameters["job"]), call)
    try:
        job_ends = ends(reply)
        if detach:
            close_all(job_ends)
            print(job.id)
            return 0
        if guarded:
            print(f"aios: to keep what it does: aios confirm {job.id}", file=sys.stderr, flush=True)
        return live(job, job_ends, pty=pty, stops=True)
    finally:
        job.close()


def live(job: Job, job_ends: Ends, *, pty: bool, stops: bool) -> int:
    """Passes the streams through. stops: a signal to us stops the job as well."""
    tail = Tail()
    try:
        if pty:
            end, moved = _on_terminal(job, job_ends, stops=stops)
        else:
            end, moved = _on_pipes(job, job_ends, tail, stops=stops)
    except Left as left:
        if not stops:
            print(f"aios: it goes on: aios attach {job.id}", file=sys.stderr)
        return left.status
    for stream in moved:
        if stream.error is not None:
            raise stream.error
    say(end)
    if end.status and end.details.get("profile") == "read-only" and _blocked(tail.last):
        from aios.client.answer import BLOCKED

        print(f"aios: {BLOCKED}", file=sys.stderr)
    if any(stream.broken for stream in moved):
        return BROKEN_PIPE
    return end.status


def say(end: End) -> None:
    """What its exit status does not."""
    if by := end.details.get("confirm_by_usec"):
        import time

        from aios.client.terminal import seconds

        left = seconds(max(by - time.time() * 1e6, 0))
        print(
            f"aios: undone in {left} unless somebody says: aios confirm {end.details['id']}",
            file=sys.stderr,
        )
    if limit := end.details.get("limit"):
        print(f"aios: it ran into its limit: {limit}", file=sys.stderr)
    elif end.details.get("ended") in ("timeout", "oom"):
        print(f"aios: it was stopped: {end.details['ended']}", file=sys.stderr)


def _blocked(stderr: bytes) -> bool:
    """Whether it is what libc says for EROFS, EACCES, EPERM, EAFNOSUPPORT."""
    return any(
        words in stderr
        for words in (
            b"Read-only file system",
            b"Permission denied",
            b"Operation not permitted",
            b"Address family not supported",
        )
    )


def _on_pipes(job: Job, job_ends: Ends, tail: Tail, *, stops: bool) -> tuple[End, list[Stream]]:
    outputs = [
        Stream(job_ends.stdout, 1, own=job_ends.stdout),
        Stream(job_ends.stderr, 2, own=job_ends.stderr, move=tail.move),
    ]
    sys.stdout.flush()
    with Wakeup(STOPPING) as wakeup:
        inputs = []
        # In the background a terminal is not ours to read: we would be stopped.
        if stops and (not sys.stdin.isatty() or _is_ours()):
            inputs.append(Stream(0, job_ends.stdin, own=job_ends.stdin))
        else:
            os.close(job_ends.stdin)
        for stream in outputs:
            stream.done = wakeup.poke
        streams.start([*inputs, *outputs])
        return follow(job, outputs, wakeup, stops=stops), outputs


def _is_ours() -> bool:
    from aios.client import screen

    return screen.is_ours()


def _on_terminal(job: Job, job_ends: Ends, *, stops: bool) -> tuple[End, list[Stream]]:
    from aios.client import screen

    def resized() -> None:
        job.resize(*screen.size())

    output = Screen(job_ends.stdout, 1)
    typed = Stream(0, job_ends.stdin, own=job_ends.stdin, move=copy)
    os.close(job_ends.stderr)
    sys.stdout.flush()
    with Wakeup([*STOPPING, signals.SIGWINCH]) as wakeup, screen.raw():
        output.done = wakeup.poke
        resized()
        streams.start([typed, output])
        return follow(job, [output], wakeup, resized=resized, stops=stops), [output]
