"""JSON lines: one object a line, with the fields that a command needs to be judged."""

import json
from dataclasses import dataclass
from typing import Any

DEFAULT_MACHINE = "aios"


class BadLine(ValueError):
    """`id` is the line's own, where it could be read."""

    def __init__(self, message: str, id: Any = None) -> None:
        super().__init__(message)
        self.id = id


@dataclass(frozen=True)
class Case:
    id: Any
    command: str
    machine: str
    user: str | None
    fields: dict[str, Any]


def parse(raw: bytes, default_machine: str = DEFAULT_MACHINE) -> Case:
    try:
        data = json.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise BadLine(f"no UTF-8: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise BadLine(f"no JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadLine("no JSON object")
    id = data.get("id")
    if isinstance(id, dict | list):
        raise BadLine("id is text or a number")
    command = data.get("command")
    if not isinstance(command, str):
        raise BadLine("command is missing or no text", id)
    machine, user = data.get("machine"), data.get("user")
    for name, value in (("machine", machine), ("user", user)):
        if value is not None and (not isinstance(value, str) or not value):
            raise BadLine(f"{name} is no name", id)
    return Case(id, command, machine or default_machine, user, data)
