"""A session's log as the Messages API's `messages`: always valid, whatever was cut off.

Log entries: `prompt` {text}, `said` {content} (the model's blocks), `result` {tool_use_id, text,
error}, `ran` {text} (a command without a model), `cut` {reason} (the answer ended early). Others
(`command`, `brain`) are no part of the conversation.
"""

from collections.abc import Iterable
from typing import Any

Message = dict[str, Any]
Block = dict[str, Any]
MAX_CHARACTERS = 200_000
"""Of the log, newest first, that a model is shown."""
LOST = "No result was recorded: aios stopped first. The command may have run; look at the history."


def text(content: str) -> Block:
    return {"type": "text", "text": content}


class _Fold:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._open: dict[str, Block] = {}
        """tool_use blocks of the last message by id, each with its result when it is known."""

    def add(self, role: str, blocks: list[Block]) -> None:
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"].extend(blocks)
        else:
            self.messages.append({"role": role, "content": list(blocks)})

    def settle(self, reason: str = LOST) -> None:
        """Every tool_use gets its result, in the next message and before all else there."""
        if self._open:
            self.add(
                "user",
                [
                    result
                    or {"type": "tool_result", "tool_use_id": key, "content": reason,
                        "is_error": True}
                    for key, result in self._open.items()
                ],
            )  # fmt: skip
            self._open = {}

    def entry(self, entry: dict[str, Any]) -> None:
        match entry["type"]:
            case "prompt":
                self.settle()
                self.add("user", [text(entry["text"])])
            case "ran":
                self.settle()
                self.add("user", [text(entry["text"])])
            case "said":
                self.settle()
                self.add("assistant", entry["content"])
                self._open = {
                    block["id"]: {} for block in entry["content"] if block["type"] == "tool_use"
                }
            case "result" if entry["tool_use_id"] in self._open:
                self._open[entry["tool_use_id"]] = {
                    "type": "tool_result",
                    "tool_use_id": entry["tool_use_id"],
                    "content": entry["text"],
                    "is_error": entry["error"],
                }
            case "cut":
                self.settle(f"No result: {entry['reason']}.")
                if self.messages and self.messages[-1]["role"] == "user":
                    self.add("assistant", [text(f"[No answer: {entry['reason']}.]")])


def messages(entries: Iterable[dict[str, Any]]) -> list[Message]:
    """What to send: begins with the user, ends with the user once a prompt or result was added."""
    fold = _Fold()
    for entry in _newest(list(entries)):
        fold.entry(entry)
    fold.settle()
    return fold.messages


def _newest(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last exchanges that fit, at least one; cut at a prompt, so that no result loses its
    tool_use and the first message is the person's."""
    starts = [place for place, entry in enumerate(entries) if entry["type"] == "prompt"]
    size = 0
    end = len(entries)
    kept = end
    for start in reversed(starts):
        size += sum(len(str(entry)) for entry in entries[start:end])
        if size > MAX_CHARACTERS and kept < len(entries):
            break
        kept = end = start
    return entries[kept:]
