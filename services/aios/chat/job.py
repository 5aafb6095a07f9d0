"""A command as a job of exec: started, its output handed on as it comes, followed to its end.

The connection that started it holds it: when that is closed (the prompt was interrupted, or this
service was killed) exec stops the job. An exec that is killed loses neither the job nor its pipes;
who asks it for the end is then whom the job belongs to.
"""

import asyncio
import codecs
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from aios.channel import close_all
from aios.errors import Unavailable
from aios.varlink_async import Connection

READ_SIZE = 65536
MAX_RECONNECTIONS = 10
"""In a row; an exec that goes away more often is not coming back."""
STREAMS = ("stdout", "stderr")

Started = Callable[[str], None]
"""(id): it runs."""
Output = Callable[[str, str], Awaitable[None]]
"""(stream, text): a piece of what it prints."""


async def follow(
    path: Path, command: str, options: dict[str, Any], started: Started, output: Output
) -> tuple[int, dict[str, Any]]:
    """(exit status, details). Blocks while a human is asked. Errors are AiosErrors; OSError where
    nobody listens at `path`. Cancelling it cancels the command."""
    connection = await Connection.open(path)
    readers: list[asyncio.Task[None]] = []
    pipes: list[FileIO] = []
    try:
        job, ends = await _start(connection, command, options)
        pipes += [FileIO(end) for end in ends]
        started(job)
        readers += [
            asyncio.ensure_future(_read(pipe, stream, output))
            for pipe, stream in zip(pipes, STREAMS, strict=True)
        ]
        for attempt in range(MAX_RECONNECTIONS + 1):
            try:
                answer = await connection.call("org.aios.Exec1.Job.Wait", {"object": job})
                break
            except (OSError, Unavailable) as error:
                connection.close()
                if attempt == MAX_RECONNECTIONS:
                    raise _gone(path) from error
                with suppress(OSError):
                    connection = await Connection.open(path)
        await asyncio.gather(*readers)
        return int(answer.parameters["exit_status"]), dict(answer.parameters["details"])
    finally:
        connection.close()
        for reader in readers:
            reader.cancel()
        # A reader that never began has closed nothing.
        await asyncio.gather(*readers, return_exceptions=True)
        for pipe in pipes:
            pipe.close()


async def _start(
    connection: Connection, command: str, options: dict[str, Any]
) -> tuple[str, list[int]]:
    """The job's id, and the read ends of its stdout and stderr."""
    reply = await connection.call(
        "org.aios.Exec1.Start", {"command": command, "options": options | {"input": False}}
    )
    try:
        ends = [reply.descriptors[reply.parameters[stream]] for stream in STREAMS]
    except (IndexError, KeyError, TypeError) as error:
        close_all(reply.descriptors)
        raise Unavailable("exec gave a job without its streams") from error
    close_all([descriptor for descriptor in reply.descriptors if descriptor not in ends])
    return str(reply.parameters["job"]), ends


def _gone(path: Path) -> Unavailable:
    return Unavailable(
        f"{path.name} went away before the command's end was known",
        hint="`aios history` shows what ran; `journalctl -u 'aios-*'` says why",
    )


async def _read(pipe: FileIO, stream: str, output: Output) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _protocol = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while data := await reader.read(READ_SIZE):
            if text := decoder.decode(data).replace("\0", "\ufffd"):
                await output(stream, text)
        if rest := decoder.decode(b"", final=True):
            await output(stream, rest)
    finally:
        transport.close()
