"""The protocol, by the official SDK: both the handshake and the stateless revisions."""

from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from mcp_types import Tool as Listed

from aios import __version__
from aios.mcp import tools
from aios.mcp.answers import faults
from aios.mcp.hands import Hands

NAME = "aios"
INSTRUCTIONS = (
    "Governed hands on the person's Linux machines. A policy decides about every command; what it"
    " leaves open waits for a human, who approves with `aios approvals`, never through you. Use"
    " run_read_only to look, run to change things, policy_check when unsure, history before you"
    f" say what was done. {tools.NOTICE}"
)
Context = ServerRequestContext[Any]


def build(hands: Hands) -> Server[Any]:
    known = {tool.name: tool for tool in tools.TOOLS}
    checks = {tool.name: faults(tool.input) for tool in tools.TOOLS}

    async def list_tools(
        _context: Context, _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[_listed(tool) for tool in tools.TOOLS])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        tool = known.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"no tool {params.name!r}")
        given = params.arguments or {}
        fault = checks[tool.name](given) or unwritable(given)
        if fault:
            return tools.refused("InvalidOption", fault)
        told = 0

        async def tell(state: str) -> None:
            nonlocal told
            told += 1
            await context.session.report_progress(told, message=state)

        return await tools.use(tool, hands, given, tell)

    return Server(
        NAME,
        version=__version__,
        title="aios",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def unwritable(value: Any) -> str:
    """JSON can say half of a surrogate pair, which has no UTF-8 form; "" where there is none."""
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        return "this text has no UTF-8 form"
    if isinstance(value, list):
        return next(filter(None, map(unwritable, value)), "")
    return (
        next(filter(None, map(unwritable, value.values())), "") if isinstance(value, dict) else ""
    )


def _listed(tool: tools.Tool) -> Listed:
    return Listed(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input,
        output_schema=tool.output,
        annotations=tool.hints,
    )
