"""One answer as lines of JSON, for programs: {"kind": …, "data": {…}} for each event as it comes,
with `prompt` before them and `end` behind."""

import json
from collections.abc import Mapping
from typing import Any

from aios.client.answer import Answer
from aios.client.terminal import Terminal


class Events(Answer):
    def __init__(self, terminal: Terminal, machine: str) -> None:
        super().__init__(terminal, machine)
        self._markdown = None

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "command":
            self.commands += 1
        elif kind == "error":
            self.error = True
        elif kind == "refused":
            self.not_approved = str(data.get("name", "")).endswith(
                ("ApprovalRejected", "ApprovalTimedOut", "ApprovalWithdrawn")
            )
        self.seen = self.seen or kind not in ("notice", "usage", "retry")
        self.put(kind, data)

    def put(self, kind: str, data: Mapping[str, Any]) -> None:
        # ASCII: nothing in it can do anything to a terminal.
        self._terminal.out.write(json.dumps({"kind": kind, "data": data}) + "\n")
        self._terminal.out.flush()

    def close(self) -> None:
        pass
