"""What a model may ask for. Every `run` goes through policy as anybody's command does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aios.chat.turn import REFUSALS, Turn, described
from aios.errors import AiosError, InvalidOption, Unavailable
from aios.options import Options

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 100}


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


async def use(turn: Turn, name: str, given: Mapping[str, Any]) -> Outcome:
    """Errors are outcomes: the model may try something else."""
    try:
        if name not in _KNOWN:
            raise InvalidOption(f"no tool {name!r}", hint="known: " + ", ".join(_KNOWN))
        options = Options(given, _KNOWN[name])
        required = next(t["input_schema"]["required"] for t in TOOLS if t["name"] == name)
        for key in required:
            if not options.get_str(key).strip():
                raise InvalidOption(f"{key!r} is missing")
        return await _use(turn, name, options)
    except REFUSALS as error:
        return Outcome(f"It did not run. {type(error).__name__}: {error}", True, True)
    except AiosError as error:
        return Outcome(f"{type(error).__name__}: {error}", True)


async def _use(turn: Turn, name: str, options: Options) -> Outcome:
    person = turn.person
    limit = options.get_int("limit", 30, low=1, high=100)
    match name:
        case "run":
            result = await turn.run(
                options.get_str("command"), options.get_str("why"), options.get_str("profile")
            )
            return Outcome(described(result))
        case "history":
            wanted: dict[str, Any] = {"limit": limit}
            for key in ("since", "until"):
                if key in options:
                    wanted[key] = _moment(options.get_str(key))
            for key in ("action", "object", "outcome", "text"):
                if key in options:
                    wanted[key] = options.get_str(key)
            rows = await person.history(wanted)
            kept = [{key: row[key] for key in _ROW if key in row} for row in rows]
            return Outcome(_data(kept, "no such command in the history"))
        case "remember":
            return Outcome(f"remembered as {await person.remember(options.get_str('content'))}")
        case "recall":
            return Outcome(
                _data(await person.recall(options.get_str("query"), limit), "nothing remembered")
            )
        case _:
            raise Unavailable(f"{name} is not served")


def _data(rows: list[dict[str, Any]], none: str) -> str:
    """One JSON object a line: whatever is in it stays inside its quotes."""
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) or none


def _moment(text: str) -> str:
    """RFC 3339 with an offset; what has none is in this system's zone."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError as error:
        raise InvalidOption(f"{text!r} is no RFC 3339 time") from error
