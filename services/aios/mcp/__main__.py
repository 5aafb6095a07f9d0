"""`python3 -m aios.mcp`: what `aios mcp` is, in the services' interpreter.

On stdio it ends with its input. SIGTERM and SIGINT end it at once: commands that run for it end
with its connections.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

import anyio
from mcp.server.stdio import stdio_server

from aios.client.varlink import ClientError
from aios.errors import AiosError
from aios.mcp import checking, http
from aios.mcp.hands import Hands
from aios.mcp.server import build
from aios.mcp.wire import wire

WAIT_SECONDS = 50.0
"""Many clients give up after a minute, and then nobody would tell the model why."""
EPILOG = """\
Without an action: a server, for the configuration of Claude Code, Claude Desktop and others. What
needs approval waits for a human (aios approvals); no client of this server can give it.

actions:
  list           the servers of ~/.config/syui/ai/mcp.json and /etc/aios/mcp.json
  test [SERVER]  start them in the machine, and list their tools

exit status of test: 0 all that were asked for answered, 1 not all; 125 aios itself failed.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parse(arguments)
    try:
        if given.action == "list":
            return checking.show(as_json=given.json)
        if given.action == "test":
            return checking.test(given.server, given.machine, wait=given.wait_approval)
        hands = Hands(
            wait_approval=WAIT_SECONDS if given.wait_approval is None else given.wait_approval
        )
        if given.http is not None:
            anyio.run(lambda: http.serve(build(hands), given.http, given.allow_host))
            return 0
        if sys.stdin.isatty():
            sys.stderr.write("aios: MCP on stdio, for a program that speaks it (aios mcp --help)\n")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        anyio.run(lambda: serve(hands))
    except (AiosError, ClientError) as error:
        sys.stderr.write(f"aios: {error.message}\n{error.hint}".rstrip() + "\n")
        return 125
    sys.stdout.flush()
    os._exit(0)  # the SDK's thread may still read its input


async def serve(hands: Hands) -> None:
    server = build(hands)
    async with stdio_server() as streams, wire(*streams) as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="aios mcp",
        description="aios's governed hands for other AIs (MCP), and their servers for aios.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", choices=("list", "test"), help=argparse.SUPPRESS)
    parser.add_argument("server", nargs="?", metavar="SERVER", help=argparse.SUPPRESS)
    parser.add_argument(
        "--http", metavar="PORT", type=int, help="serve on this port of loopback; 0: a free one"
    )
    parser.add_argument(
        "--allow-host", metavar="NAME", action="append", default=[],
        help="with --http: a name by which your tunnel reaches it",
    )  # fmt: skip
    parser.add_argument(
        "--wait-approval", metavar="SECONDS", type=float,
        help=f"how long a human has to approve (the server: {WAIT_SECONDS:g})",
    )  # fmt: skip
    parser.add_argument("-m", "--machine", default="aios", help="test: where (aios)")
    parser.add_argument("--json", action="store_true", help="list: one object")
    given = parser.parse_args(arguments)
    if given.server and given.action != "test":
        parser.error("SERVER is for test")
    if given.http is not None and (given.action or not 0 <= given.http < 2**16):
        parser.error("--http takes a port, and serves")
    return given


if __name__ == "__main__":
    sys.exit(main())
