"""The loop with a model: its words to the person, its tool calls to the tools, until it is done.

Everything is in the session's log before it has an effect elsewhere: the model's turn before its
tools run, each result before the model sees it. So a loop that is cut off anywhere leaves a
conversation that can go on.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass

from aios.chat import conversation, tokens
from aios.chat.brain import Brain, Reply, Retry, Text
from aios.chat.budget import Budget
from aios.chat.conversation import Block
from aios.chat.event import Kind, Status
from aios.chat.tools import Toolbox
from aios.chat.turn import Turn

MAX_IDENTICAL = 3
"""The same call so many times in a row is not made: the model is stuck."""
AT_ONCE = 8
_CUT = {
    "max_tokens": "the answer was cut off at [chat] max_tokens",
    "model_context_window_exceeded": "the conversation is longer than the model can hold",
    "refusal": "the model declined to answer",
}


@dataclass
class Loop:
    turn: Turn
    brain: Brain
    system: str
    tools: Toolbox
    budget: Budget
    room: int
    """Tokens that the conversation and the tools may have."""
    _last: str = ""
    _again: int = 0
    _refused: bool = False

    async def converse(self) -> Status:
        try:
            return await self._converse()
        finally:
            if self.budget.steps:
                used = self.budget.as_dict()
                self.turn.session.append("usage", **used, synced=False)
                await self.turn.emit(Kind.USAGE, used)

    async def _converse(self) -> Status:
        while True:
            reply = await self._listen()
            calls = [block for block in reply.content if block["type"] == "tool_use"]
            if not calls:
                await self._ending(reply.stop_reason)
                return Status.DENIED if self._refused else Status.OK
            made = self._not_stuck(calls)
            for group in await self._groups(made):
                await self._use(group)
            if len(made) < len(calls):
                return await self._stop("it asked for the same thing three times in a row")
            if reason := self.budget.exceeded():
                return await self._stop(reason)

    async def _listen(self) -> Reply:
        session = self.turn.session
        definitions = await self.tools.definitions()
        messages = conversation.messages(session.entries(), self.room - tokens.of(definitions))
        reply = Reply([], "")
        stream = self.brain.stream(self.system, messages, definitions)
        async with aclosing(stream):
            async for event in stream:
                match event:
                    case Text(text):
                        await self.turn.show(text)
                    case Retry():
                        await self.turn.emit(Kind.RETRY, asdict(event))
                    case Reply():
                        reply = event
        self.budget.spend(reply.usage)
        content = reply.content
        if reply.stop_reason in _CUT:
            # A call in a turn that was cut off is not whole.
            content = [block for block in content if block["type"] != "tool_use"]
        if any(block["type"] in ("text", "tool_use") for block in content):
            session.append("said", content=content)
        else:
            session.append("cut", reason="the model said nothing")
        return Reply(content, reply.stop_reason, reply.usage)

    def _not_stuck(self, calls: Sequence[Block]) -> Sequence[Block]:
        """The calls before the one that repeats itself too often."""
        for place, call in enumerate(calls):
            asked = json.dumps([call["name"], call["input"]], sort_keys=True)
            self._again = self._again + 1 if asked == self._last else 1
            self._last = asked
            if self._again == MAX_IDENTICAL:
                return calls[:place]
        return calls

    async def _groups(self, calls: Sequence[Block]) -> list[list[Block]]:
        """The calls in their order: neighbours that only read make one group."""
        if len(calls) == 1:
            return [list(calls)]
        groups: list[list[Block]] = []
        before = False
        for call in calls:
            reads = await self.tools.reads(call["name"], call["input"])
            if reads and before and len(groups[-1]) < AT_ONCE:
                groups[-1].append(call)
            else:
                groups.append([call])
            before = reads
        return groups

    async def _use(self, group: Sequence[Block]) -> None:
        tasks = [asyncio.ensure_future(self._use_one(call)) for call in group]
        try:
            refusals = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._refused = refusals[-1]

    async def _use_one(self, call: Block) -> bool:
        """Whether policy or a human said no."""

        def result(text: str, *, error: bool = True) -> None:
            self.turn.session.append("result", tool_use_id=call["id"], text=text, error=error)

        outcome = await self.tools.use(call["name"], call["input"], stopped=result)
        result(outcome.text, error=outcome.error)
        return outcome.refused

    async def _ending(self, stop_reason: str) -> None:
        if notice := _CUT.get(stop_reason):
            await self.turn.emit(Kind.NOTICE, {"text": notice})

    async def _stop(self, reason: str) -> Status:
        self.turn.session.append("cut", reason=f"aios stopped the model: {reason}")
        await self.turn.emit(Kind.NOTICE, {"text": f"stopped the model: {reason}"})
        return Status.FAILED
