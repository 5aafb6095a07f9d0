"""A ChatGPT export: `conversations.json`. What both sides said, a conversation a session. Standard
library only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aios.errors import InvalidOption
from aios.memory.importers.record import Record, derived_id, load, pieces, text, time

_ROLES = ("user", "assistant")


def read(path: Path) -> Iterator[Record]:
    conversations = load(path)
    if not isinstance(conversations, list):
        raise InvalidOption(f"{path} is no list of conversations")
    for conversation in conversations:
        if isinstance(conversation, dict) and isinstance(conversation.get("mapping"), dict):
            yield from _conversation(conversation)


def _conversation(conversation: dict[str, Any]) -> Iterator[Record]:
    session = text(conversation.get("conversation_id") or conversation.get("id"))
    begun = conversation.get("create_time")
    for node, held in conversation["mapping"].items():
        message = held.get("message") if isinstance(held, dict) else None
        content = _said(message) if isinstance(message, dict) else ""
        if not content.strip():
            continue
        assert isinstance(message, dict)  # noqa: S101 - it has said something
        created = time(message.get("create_time") or begun)
        yield from pieces(
            {
                "id": text(message.get("id")) or derived_id(created, "chatgpt", session, node),
                "content": content,
                "created_at": created,
                "session": session,
            }
        )


def _said(message: dict[str, Any]) -> str:
    author, content = message.get("author"), message.get("content")
    if not isinstance(author, dict) or author.get("role") not in _ROLES:
        return ""
    parts = content.get("parts") if isinstance(content, dict) else None
    # Other parts are images and files.
    said = parts if isinstance(parts, list) else []
    return text("\n".join(part for part in said if isinstance(part, str)))
