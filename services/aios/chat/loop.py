"""The loop with a model: its words to the person, its tool calls to the tools, until it is done.

Everything is in the session's log before it has an effect elsewhere: the model's turn before its
tools run, each result before the model sees it. So a loop that is cut off anywhere leaves a
conversation that can go on.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from aios.chat import conversation, tools
from aios.chat.conversation import Block, Message
from aios.chat.event import Kind, Status
from aios.chat.turn import Turn

MAX_IDENTICAL = 3
"""The same call so many times in a row is not made: the model is stuck."""


@dataclass(frozen=True)
class Reply:
    """A whole turn of the model."""

    content: list[Block]
    stop_reason: str


class Model(Protocol):
    def stream(
        self, system: str, messages: list[Message], tools: list[dict[str, Any]]
    ) -> AsyncGenerator[str | Reply, None]:
        """Pieces of text as they come, then the Reply. Raises ModelUnavailable."""
        ...


async def converse(turn: Turn, model: Model, system: str, max_steps: int) -> Status:
    identical = ("", 0)
    refused = False
    for _step in range(max_steps):
        reply = await _listen(turn, model, system)
        calls = [block for block in reply.content if block["type"] == "tool_use"]
        if not calls:
            await _ending(turn, reply.stop_reason)
            return Status.DENIED if refused else Status.OK
        for call in calls:
            asked = json.dumps([call["name"], call["input"]], sort_keys=True)
            identical = (asked, identical[1] + 1 if asked == identical[0] else 1)
            if identical[1] == MAX_IDENTICAL:
                return await _stop(turn, "it asked for the same thing three times in a row")
            outcome = await tools.use(turn, call["name"], call["input"])
            refused = outcome.refused
            turn.session.append(
                "result", tool_use_id=call["id"], text=outcome.text, error=outcome.error
            )
    return await _stop(turn, f"it had not ended after {max_steps} steps")


async def _listen(turn: Turn, model: Model, system: str) -> Reply:
    messages = conversation.messages(turn.session.entries())
    reply = Reply([], "")
    async with aclosing(model.stream(system, messages, tools.TOOLS)) as stream:
        async for piece in stream:
            if isinstance(piece, Reply):
                reply = piece
            else:
                await turn.emit(Kind.TEXT, {"text": piece})
    content = reply.content
    if reply.stop_reason != "tool_use":
        # A call in a turn that was cut off (max_tokens) is not whole.
        content = [block for block in content if block["type"] != "tool_use"]
    if any(block["type"] in ("text", "tool_use") for block in content):
        turn.session.append("said", content=content)
    else:
        turn.session.append("cut", reason="the model said nothing")
    return Reply(content, reply.stop_reason)


async def _ending(turn: Turn, stop_reason: str) -> None:
    notices = {
        "max_tokens": "the answer was cut off at [chat] max_tokens",
        "model_context_window_exceeded": "the conversation is longer than the model can hold",
        "refusal": "the model declined to answer",
    }
    if notice := notices.get(stop_reason):
        await turn.emit(Kind.NOTICE, {"text": notice})


async def _stop(turn: Turn, reason: str) -> Status:
    turn.session.append("cut", reason=f"aios stopped the model: {reason}")
    await turn.emit(Kind.NOTICE, {"text": f"stopped the model: {reason}"})
    return Status.FAILED
