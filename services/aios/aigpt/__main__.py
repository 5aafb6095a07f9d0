"""`python3 -m aios.aigpt [--db FILE] [--enable-layer4]`: an MCP server on stdin and stdout.

It ends with its input. SIGTERM and SIGINT end it at once: nothing that was acknowledged is lost.
`--lent` is aios-aigpt@.service: a client in a machine lends its stdio and its connections.
"""

import argparse
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

import anyio
from mcp.server.stdio import stdio_server

from aios.aigpt.lent import Lender
from aios.aigpt.server import build
from aios.client.aigpt_store import Socket, Store, open_store
from aios.client.varlink import ClientError
from aios.errors import AiosError
from aios.mcp.wire import wire


async def serve(store: Store, *, layer4: bool) -> None:
    server = build(store, layer4=layer4)
    async with stdio_server() as streams, wire(*streams) as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(prog="aigpt server", description="An MCP server on stdio.")
    parser.add_argument("--db", metavar="FILE", type=Path)
    parser.add_argument("--enable-layer4", action="store_true")
    parser.add_argument("--lent", action="store_true", help="for aios-aigpt@.service")
    given = parser.parse_args(arguments)
    lender = Lender.accepted() if given.lent else None
    layer4 = lender.layer4 if lender else given.enable_layer4
    opened: AbstractContextManager[Store] = (
        nullcontext(Socket(lender.connect))
        if lender
        else open_store(given.db, writes=given.db is not None)
    )
    try:
        with opened as store:
            anyio.run(lambda: serve(store, layer4=layer4))
    except (AiosError, ClientError) as error:
        sys.stderr.write(f"aigpt: {error.message}\n{error.hint}".rstrip() + "\n")
        leave(1)
    except sqlite3.Error as error:
        sys.stderr.write(f"aigpt: {given.db}: {error}\n")
        leave(1)
    if lender:
        lender.end()
    leave(0)


def leave(status: int) -> NoReturn:
    """Calls that were cancelled may still wait in their threads."""
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
