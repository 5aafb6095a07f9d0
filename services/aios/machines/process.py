"""Programs that do a machine's long work: cp, tar, rm. They end when whoever waits for them is
cancelled, and with the service (its cgroup)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aios.errors import AiosError, Unavailable
from aios.text import visible

_LONGEST = 500
_KEPT = 1 << 16


@contextlib.asynccontextmanager
async def running(
    argv: Sequence[str | Path], *, stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int = asyncio.subprocess.DEVNULL,
) -> AsyncIterator[asyncio.subprocess.Process]:  # fmt: skip
    """Killed at the end, if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=stdin, stdout=stdout, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # Cancelled again, it would leave a process that still writes.
            await asyncio.shield(process.wait())


async def ended(process: asyncio.subprocess.Process, what: str) -> None:
    """Raises Unavailable with what it said, unless it ended well."""
    assert process.stderr is not None  # noqa: S101 - `running` made it so
    kept = b""
    # An archive chooses how much there is to say about it.
    while more := await process.stderr.read(_KEPT):
        kept = (kept + more)[:_KEPT]
    said = kept.decode(errors="replace").strip()
    if status := await process.wait():
        raise failure(what, said or f"exit status {status}")


def failure(what: str, said: str) -> AiosError:
    # What follows the first line follows from it.
    first = visible(said[:_LONGEST].splitlines()[0]) if said else ""
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return Unavailable(f"{what}: the disk is full", hint="df -h /var/lib/machines")
    return Unavailable(f"{what}: {first}")


async def run(argv: Sequence[str | Path], what: str) -> None:
    async with running(argv) as process:
        await ended(process, what)
