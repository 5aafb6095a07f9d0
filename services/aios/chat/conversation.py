"""A session's log as the Messages API's `messages`: always valid, whatever was cut off.

Log entries: `prompt` {text}, `context` {text} (of the prompt before, from aios), `said` {content}
(the model's blocks), `shown` {text} (a piece of what will be said), `result` {tool_use_id, text,
error}, `ran` {text} (a command without a model), `cut` {reason} (the answer ended early). Others
(`started`, `command`, `refused`, `usage`, `brain`) are no part of the conversation.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from aios.chat import tokens
from aios.errors import ModelUnavailable
from aios.redact import redact

Message = dict[str, Any]
Block = dict[str, Any]
Entry = dict[str, Any]
ROOM = 50_000
LEFT_OUT = "[Left out: there is no room for it any more.]"
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
                # What a person asks of the model they tell it; a command of theirs is none of that.
                said = entry["text"]
                self.add("user", [text(redact(said) if said.startswith("!") else said)])
            case "context":
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


def messages(entries: Iterable[Entry], room: int = ROOM) -> list[Message]:
    """What to send: begins with the user, ends with the user once a prompt or result was added.
    room: tokens. Raises ModelUnavailable when the last exchange alone has more."""
    fold = _Fold()
    for entry in _newest(list(whole(entries)), room):
        fold.entry(entry)
    fold.settle()
    return fold.messages


def whole(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Pieces of an answer become the answer that they were going to be: `said` has it, unless
    something cut it off."""
    pieces: list[Entry] = []

    def cut() -> Iterator[Entry]:
        words = "".join(piece["text"] for piece in pieces)
        if words.strip():
            yield pieces[0] | {"type": "said", "content": [text(words)]}
        pieces.clear()

    for entry in entries:
        if entry["type"] == "shown":
            pieces.append(entry)
            continue
        if entry["type"] == "said":
            pieces.clear()
        elif entry["type"] in ("prompt", "cut"):
            yield from cut()
        yield entry
    yield from cut()


_SENT = {"prompt": "text", "context": "text", "said": "content", "result": "text", "ran": "text"}
_OVERHEAD = 20
"""Tokens of what stands around an entry."""


def _size(entry: Entry) -> int:
    return tokens.of(entry[_SENT[entry["type"]]]) + _OVERHEAD if entry["type"] in _SENT else 0


def _newest(entries: list[Entry], room: int) -> list[Entry]:
    """The last exchanges that fit, at least one; cut at a prompt, so that no result loses its
    tool_use and the first message is the person's."""
    starts = [place for place, entry in enumerate(entries) if entry["type"] == "prompt"]
    size = 0
    end = len(entries)
    kept = end
    for start in reversed(starts):
        size += sum(_size(entry) for entry in entries[start:end])
        if size > room and kept < len(entries):
            break
        kept = end = start
    return _fitting(entries[kept:], room)


def _fitting(exchange: list[Entry], room: int) -> list[Entry]:
    """Without its earlier results, as far as there is no room for them."""
    over = sum(_size(entry) for entry in exchange) - room
    results = [place for place, entry in enumerate(exchange) if entry["type"] in ("result", "ran")]
    for place in results[:-1]:
        if over <= 0:
            break
        shorter = exchange[place] | {"text": LEFT_OUT}
        over -= _size(exchange[place]) - _size(shorter)
        exchange[place] = shorter
    if over > 0:
        raise ModelUnavailable(
            f"the prompt and what came of it are some {room + over} tokens; {room} can be sent",
            hint="[chat] context_tokens in /etc/aios/config.toml says what the model can hold",
        )
    return exchange
