"""Varlink calls out of a service: one connection per call.

Closing the connection is how a call is cancelled, so cancelling the task that waits in `call`
(or leaving it by an exception) cancels the call in the service that answers it.
"""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from aios.errors import Unavailable, from_name
from aios.varlink import encode

MAX_REPLY = 32 * 1024 * 1024
"""Two streams of exec's output_limit, when every character of them is escaped in JSON."""


async def call(path: Path, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The reply's parameters. Errors are AiosErrors; OSError where nobody listens at `path`."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_REPLY)
    try:
        writer.write(encode({"method": method, "parameters": parameters}))
        await writer.drain()
        message = json.loads((await reader.readuntil(b"\0"))[:-1])
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Unavailable(
            f"{path.name} went away before it answered {method.rpartition('.')[2]}",
            hint="ask again; `journalctl -u 'aios-*'` says why",
        ) from error
    except (asyncio.LimitOverrunError, ValueError) as error:
        raise Unavailable(f"{path.name} sent what is no answer: {error}") from error
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    answer = message.get("parameters") or {}
    if "error" in message:
        raise from_name(
            str(message["error"]),
            str(answer.get("message", answer)),
            hint=str(answer.get("hint", "")),
        )
    return dict(answer)
