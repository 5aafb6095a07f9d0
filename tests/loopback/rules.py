"""What the Messages API refuses in a request, with the words of its error bodies."""

import re
from collections.abc import Mapping
from typing import Any

VERSIONS = ("2023-06-01", "2026-10-21")
"""SDKs before and from 2.0 send these."""
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_BLOCKS: dict[str, dict[str, set[str]]] = {
    "user": {
        "text": {"text"},
        "tool_result": {"tool_use_id", "content", "is_error"},
    },
    "assistant": {
        "text": {"text"},
        "tool_use": {"id", "name", "input"},
        "thinking": {"thinking", "signature"},
    },
}
_FIELDS = {
    "model", "max_tokens", "messages", "system", "tools", "tool_choice", "stream",
    "stop_sequences", "metadata", "thinking", "output_config",
}  # fmt: skip


class Refused(Exception):
    def __init__(self, status: int, kind: str, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
        self.status = status
        self.body = {"type": "error", "error": {"type": kind, "message": message}}


def _invalid(message: str) -> Refused:
    return Refused(400, "invalid_request_error", message)


def check_headers(headers: Mapping[str, str], key: str) -> None:
    """`headers` by lower-case name; the key by either header."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    given = headers.get("x-api-key") or bearer
    if not given:
        raise Refused(401, "authentication_error", "x-api-key header is required")
    if given != key:
        raise Refused(401, "authentication_error", "invalid x-api-key")
    if headers.get("anthropic-version") not in VERSIONS:
        raise _invalid("anthropic-version: header is required")
    if not headers.get("content-type", "").startswith("application/json"):
        raise _invalid("content-type must be application/json")


def check_body(body: Any, model: str) -> None:
    if not isinstance(body, dict):
        raise _invalid("the body must be a JSON object")
    for field in ("model", "max_tokens", "messages"):
        if field not in body:
            raise _invalid(f"{field}: Field required")
    if extra := body.keys() - _FIELDS:
        raise _invalid(f"{extra.pop()}: Extra inputs are not permitted")
    if body["model"] != model:
        raise Refused(404, "not_found_error", f"model: {body['model']}")
    if type(body["max_tokens"]) is not int or body["max_tokens"] < 1:
        raise _invalid("max_tokens: Input should be greater than or equal to 1")
    names = {_tool(place, tool) for place, tool in enumerate(body.get("tools", []))}
    _messages(body["messages"], names)


def _tool(place: int, tool: Mapping[str, Any]) -> str:
    if not _NAME.fullmatch(str(tool.get("name"))):
        raise _invalid(f"tools.{place}.name: String should match pattern '{_NAME.pattern}'")
    if tool.get("input_schema", {}).get("type") != "object":
        raise _invalid(f"tools.{place}.input_schema.type: Field required")
    return str(tool["name"])


def _messages(messages: Any, tools: set[str]) -> None:
    if not isinstance(messages, list) or not messages:
        raise _invalid("messages: at least one message is required")
    waiting: list[str] = []
    for place, message in enumerate(messages):
        role = ("user", "assistant")[place % 2]
        if message.get("role") != role:
            raise _invalid(f'messages.{place}: roles must alternate between "user" and "assistant"')
        blocks = message.get("content")
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        if not blocks:
            raise _invalid(f"messages.{place}: {role} messages must have non-empty content")
        for number, block in enumerate(blocks):
            _block(f"messages.{place}.content.{number}", role, block)
        _results(place, blocks, waiting)
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if waiting and not tools:
            raise _invalid("tools: Field required when the conversation has tool_use blocks")
    if messages[-1]["role"] == "assistant":
        raise _invalid("messages: the final message must be the user's (prefill is not supported)")


def _block(where: str, role: str, block: Any) -> None:
    kind = block.get("type")
    if kind not in _BLOCKS[role]:
        raise _invalid(f"{where}.type: {kind!r} is not allowed in a message of the {role}")
    if extra := block.keys() - _BLOCKS[role][kind] - {"type", "cache_control"}:
        raise _invalid(f"{where}.{kind}.{extra.pop()}: Extra inputs are not permitted")
    if kind == "text" and not block.get("text", "").strip():
        raise _invalid(f"{where}: text content blocks must contain non-whitespace text")
    if kind == "tool_use" and not (
        _NAME.fullmatch(str(block.get("id"))) and isinstance(block.get("input"), dict)
    ):
        raise _invalid(f"{where}.tool_use: id and input are required")


def _results(place: int, blocks: list[dict[str, Any]], waiting: list[str]) -> None:
    answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for number, _id in enumerate(answered):
        if blocks[number]["type"] != "tool_result":
            raise _invalid(f"messages.{place}: tool_result blocks must come first")
    if missing := [one for one in waiting if one not in answered]:
        raise _invalid(
            f"messages.{place - 1}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
            "corresponding `tool_result` block in the next message."
        )
    if unexpected := [one for one in answered if one not in waiting]:
        raise _invalid(
            f"messages.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
            f"{', '.join(unexpected)}"
        )
    if len(set(answered)) != len(answered):
        raise _invalid(f"messages.{place}: each tool_use must have a single result")
