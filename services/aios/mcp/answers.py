"""What the tools of aios's MCP servers answer: one object, as text and as it is."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from mcp_types import CallToolResult, TextContent

Answer = Mapping[str, Any]
Fault = Callable[[Mapping[str, Any]], str]


def answered(answer: Answer, text: str = "") -> CallToolResult:
    """text: for a model to read; "": the object itself."""
    text = text or json.dumps(answer, ensure_ascii=False)
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=dict(answer)
    )


def failed(answer: Answer, text: str = "") -> CallToolResult:
    result = answered(answer, text)
    result.is_error = True
    return result


def faults(schema: Mapping[str, Any]) -> Fault:
    """What is wrong with some arguments; "" for nothing."""
    check = Draft202012Validator(schema)

    def fault(arguments: Mapping[str, Any]) -> str:
        found = best_match(check.iter_errors(arguments))
        if found is None:
            return ""
        place = ".".join(map(str, found.absolute_path))
        return f"{place}: {found.message}" if place else str(found.message)

    return fault
