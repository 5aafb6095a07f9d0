"""Between stdio and the SDK's server, what the SDK leaves open (2.3): it drops what is no message,
where JSON-RPC wants an error, and with the end of input everything that is still unanswered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)
from pydantic import ValidationError

if TYPE_CHECKING:
    # The SDK's names for what its stdio gives; not part of what it promises to keep.
    from mcp.shared._stream_protocols import ReadStream, WriteStream

CANCELLED = "notifications/cancelled"
GRACE_SECONDS = 30.0
"""For what is unanswered when the input ends: a service that hangs must leave no orphan."""

Incoming = SessionMessage | Exception


class Answers:
    """The writing side; knows which requests have no answer yet."""

    def __init__(self, writing: "WriteStream[SessionMessage]") -> None:
        self._writing = writing
        self._open: dict[int | str, int] = {}
        self._settled = anyio.Event()

    def asked(self, request_id: int | str) -> None:
        self._open[request_id] = self._open.get(request_id, 0) + 1

    def settle(self, request_id: object) -> None:
        """Answered, or cancelled, which gets no answer."""
        if isinstance(request_id, int | str) and request_id in self._open:
            self._open[request_id] -= 1
            if not self._open[request_id]:
                del self._open[request_id]
            self._settled.set()

    async def all_given(self) -> None:
        while self._open:
            self._settled = anyio.Event()
            await self._settled.wait()

    async def send(self, item: SessionMessage, /) -> None:
        await self._writing.send(item)
        if isinstance(item.message, JSONRPCResponse | JSONRPCError):
            self.settle(item.message.id)

    async def aclose(self) -> None:
        await self._writing.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


@asynccontextmanager
async def wire(
    reading: "ReadStream[Incoming]", writing: "WriteStream[SessionMessage]"
) -> AsyncIterator[tuple[MemoryObjectReceiveStream[Incoming], Answers]]:
    """The two streams for the SDK's server."""
    answers = Answers(writing)
    send, receive = anyio.create_memory_object_stream[Incoming]()

    async def relay() -> None:
        async with send:
            async for item in reading:
                if isinstance(item, Exception):
                    if (refused := refusal(item)) is not None:
                        await answers.send(SessionMessage(refused))
                    continue
                if isinstance(item.message, JSONRPCRequest):
                    answers.asked(item.message.id)
                elif (
                    isinstance(item.message, JSONRPCNotification)
                    and item.message.method == CANCELLED
                ):
                    answers.settle((item.message.params or {}).get("requestId"))
                await send.send(item)
            with anyio.move_on_after(GRACE_SECONDS):
                await answers.all_given()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(relay)
        yield receive, answers
        tasks.cancel_scope.cancel()


def refusal(error: Exception) -> JSONRPCError | None:
    """The answer to a line that is no message; none to an empty one, and to an object without an
    id, as that is a notification gone wrong."""
    details = error.errors() if isinstance(error, ValidationError) else []
    if details and details[0]["type"] == "json_invalid":
        blank = not str(details[0]["input"]).strip()
        return None if blank else _error(None, PARSE_ERROR, "this line is not JSON")
    # What lacks something is told whole.
    message = next((one["input"] for one in details if one["type"] == "missing"), None)
    if not isinstance(message, dict):
        return _error(None, INVALID_REQUEST, "a message is one JSON object a line")
    request_id = message.get("id")
    if request_id is None:
        return None
    known = isinstance(request_id, int | str) and not isinstance(request_id, bool)
    return _error(request_id if known else None, INVALID_REQUEST, "this is no JSON-RPC 2.0 message")


def _error(request_id: int | str | None, code: int, message: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))
