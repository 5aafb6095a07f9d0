"""What a model may ask for. Every `run` goes through policy as anybody's command does.

Other people's MCP servers bring more of them (aios.chat.mcp_client).
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aios.chat.event import Kind
from aios.chat.job import STREAMS
from aios.chat.mcp_client import Tools
from aios.chat.turn import REFUSALS, Turn, described, ignored
from aios.errors import AiosError, InvalidOption, Unavailable
from aios.marked import between, mark, records
from aios.options import Options
from aios.redact import redact

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 100}
_LOOKS = frozenset({"history", "recall", "machines", "output"})
_KEPT = re.compile(r"\b(?:cd|pushd|popd|export|unset)\b")


def _tool(
    name: str, description: str, required: list[str], **properties: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "input_schema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
    }


TOOLS = [
    _tool(
        "run",
        "Run one bash command line in the person's machine. A policy decides: it may run at once, "
        "wait for the person's approval, or be refused. The person sees the command and its "
        "output. There is no terminal and no input: use options that do not ask (apt-get -y).",
        ["command", "why"],
        command=_TEXT | {"description": "the bash command line"},
        why=_TEXT | {"description": "for the person: what it is for, in a few words"},
        machine=_TEXT | {"description": "another one of `machines`; without it, this one"},
        profile=_TEXT | {
            "enum": ["standard", "full"],
            "description": "only after a result that says the read-only profile may be why it "
            "failed; the person has to approve it",
        },
    ),
    _tool(
        "history",
        "The commands that ran, newest first, with time, exit status and what they changed. The "
        "one source for what was done before: never guess it.",
        [],
        since=_TEXT | {"description": "RFC 3339 time or date, in the person's zone without one"},
        until=_TEXT | {"description": "RFC 3339 time or date, exclusive"},
        action=_TEXT | {"description": "install, remove, upgrade, service-start, service-stop, …"},
        object=_TEXT | {"description": "a package's or unit's name"},
        outcome=_TEXT | {"enum": ["ok", "failed"]},
        text=_TEXT | {"description": "part of the command line"},
        machine=_TEXT,
        limit=_COUNT,
    ),
    _tool(
        "remember",
        "Keep a fact for later sessions, on all machines, when the person asks for it.",
        ["content"],
        content=_TEXT,
    ),
    _tool(
        "recall", "Search what was remembered before.", ["query"], query=_TEXT, limit=_COUNT
    ),
    _tool("machines", "The machines there are, and which you may act on (`here`).", []),
    _tool(
        "output",
        "More of what a command of this session printed, where its result left some out.",
        ["id"],
        id=_TEXT | {"description": "the command's"},
        stream=_TEXT | {"enum": list(STREAMS)},
        offset={"type": "integer", "minimum": 0, "description": "in characters"},
    ),
]  # fmt: skip
_KNOWN: dict[str, dict[str, type | tuple[str, str]]] = {
    tool["name"]: {
        name: int if schema["type"] == "integer" else str
        for name, schema in tool["input_schema"]["properties"].items()
    }
    for tool in TOOLS
}
_ROW = ("command", "machine", "started_at", "exit_status", "ended", "action", "objects", "decision")


@dataclass(frozen=True)
class Outcome:
    """What goes back to the model. `refused`: policy or a human said no."""

    text: str
    error: bool = False
    refused: bool = False


@dataclass(frozen=True)
class Toolbox:
    """The tools of one prompt: ours, and those of others."""

    turn: Turn
    others: Tools

    async def definitions(self) -> list[dict[str, Any]]:
        """As they are now, those of others as far as they answer."""
        try:
            return [*TOOLS, *await self.others.definitions(self.turn)]
        except AiosError as error:
            await self.turn.emit(Kind.NOTICE, {"text": f"without the tools of others: {error}"})
            return TOOLS

    async def reads(self, name: str, given: Mapping[str, Any]) -> bool:
        """Whether a call only reads, so that it may run beside others like it. Of a command policy
        says so; what its shell keeps for the next command has to come in order."""
        if name in _LOOKS or not isinstance(given, Mapping):
            return name in _LOOKS
        command = given.get("command")
        if name != "run" or not isinstance(command, str) or given.get("profile"):
            return False
        if _KEPT.search(command):
            return False
        try:
            return await self.turn.person.on(str(given.get("machine", ""))).reads(command)
        except AiosError:
            return False

    async def use(
        self, name: str, given: Mapping[str, Any], *, stopped: Callable[[str], None] = ignored
    ) -> Outcome:
        """Errors are outcomes: the model may try something else. stopped: told what there was of
        a command that is cancelled."""
        try:
            _check_text(given)
            if self.others.has(name):
                return await self._foreign(name, given)
            if name not in _KNOWN:
                raise InvalidOption(f"no tool {name!r}", hint="known: " + ", ".join(_KNOWN))
            options = Options(given, _KNOWN[name])
            required = next(t["input_schema"]["required"] for t in TOOLS if t["name"] == name)
            for key in required:
                if not options.get_str(key).strip():
                    raise InvalidOption(f"{key!r} is missing")
            if name == "run":
                return await self._run(options, stopped)
            await self.turn.emit(Kind.TOOL, {"name": name, "why": _about(name, options)})
            return await self._look(name, options)
        except REFUSALS as error:
            return Outcome(f"It did not run. {type(error).__name__}: {error}", True, True)
        except AiosError as error:
            return Outcome(f"{type(error).__name__}: {error}", True)

    async def _foreign(self, name: str, given: Mapping[str, Any]) -> Outcome:
        await self.turn.emit(Kind.TOOL, {"name": name, "why": ""})
        try:
            return Outcome(await self.others.call(self.turn, name, given))
        except REFUSALS:
            raise
        except AiosError as error:
            # Much of it may be the server's own words.
            told = between(mark(), "source=server", redact(str(error)))
            return Outcome(f"{type(error).__name__}:\n{told}", True)

    async def _run(self, options: Options, stopped: Callable[[str], None]) -> Outcome:
        ran = await self.turn.run(
            options.get_str("command"),
            options.get_str("why"),
            options.get_str("profile"),
            options.get_str("machine"),
            stopped,
        )
        return Outcome(described(ran))

    async def _look(self, name: str, options: Options) -> Outcome:
        person = self.turn.person
        limit = options.get_int("limit", 30, low=1, high=100)
        match name:
            case "history":
                wanted: dict[str, Any] = {"limit": limit}
                for key in ("since", "until"):
                    if key in options:
                        wanted[key] = _moment(options.get_str(key))
                for key in ("action", "object", "outcome", "text", "machine"):
                    if key in options:
                        wanted[key] = options.get_str(key)
                rows = await person.history(wanted)
                kept = [{key: row[key] for key in _ROW if key in row} for row in rows]
                return Outcome(_data(name, kept, "no such command in the history"))
            case "remember":
                memory = await person.remember(options.get_str("content"))
                return Outcome(f"remembered as {memory}")
            case "recall":
                found = await person.recall(options.get_str("query"), limit)
                return Outcome(_data(name, found, "nothing remembered"))
            case "machines":
                return Outcome(_data(name, person.machines(), "no machine runs"))
            case "output":
                # All of it: a piece could begin in the middle of a secret.
                return Outcome(await asyncio.to_thread(self._output, options))
            case _:
                raise Unavailable(f"{name} is not served")

    def _output(self, options: Options) -> str:
        stream = options.get_str("stream", "stdout")
        if stream not in STREAMS:
            raise InvalidOption(f"{stream!r} is neither stdout nor stderr")
        text = redact(self.turn.session.output(options.get_str("id"), stream))
        offset = options.get_int("offset", 0)
        if not text:
            return "nothing was kept of that"
        piece = text[offset : offset + 2 * self.turn.ends]
        told = between(mark(), f"stream={stream}", piece)
        return f"characters {offset} to {offset + len(piece)} of {len(text)}\n{told}"


def _check_text(given: Any) -> None:
    """A model may write what is no text (half of a character), or no arguments at all."""
    try:
        if isinstance(given, Mapping):
            json.dumps(given, ensure_ascii=False).encode()
            return
    except UnicodeEncodeError:
        pass
    raise InvalidOption("the arguments are no JSON object of Unicode text")


def _about(name: str, options: Options) -> str:
    """For the person: what of."""
    for key in ("query", "content", "text", "object", "since", "id"):
        if key in options:
            return options.get_str(key)
    return ""


def _data(source: str, rows: list[dict[str, Any]], none: str) -> str:
    kept, lines = records(rows)
    if not kept:
        return none
    told = between(mark(), f"source={source}", lines)
    left_out = len(rows) - len(kept)
    return f"{told}\n({left_out} more are left out.)" if left_out else told


def _moment(text: str) -> str:
    """RFC 3339 with an offset; what has none is in this system's zone."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError as error:
        raise InvalidOption(f"{text!r} is no RFC 3339 time") from error
