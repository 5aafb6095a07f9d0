"""aios mcp: the governed hands for other AIs, and the MCP servers that aios itself uses."""

from collections.abc import Sequence

from aios.client import engine, own_rules, own_servers, place


def main(name: str, arguments: Sequence[str]) -> int:
    place.require_host("aios mcp", "There it runs commands in this machine too.")
    own_rules.hand_over()
    own_servers.hand_over()
    return engine.run(arguments, package="aios.mcp", module="aios.mcp")
