"""aios mcp: the governed hands for other AIs, and the MCP servers that aios itself uses.

It needs packages that the client's own interpreter does not see: installed, it runs in the
services' interpreter; in a checkout's .venv that is this one.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

from aios.client import own_rules, own_servers, place
from aios.client.engine import PYTHON
from aios.client.varlink import UNAVAILABLE, ClientError

_PACKAGE = "aios.mcp"


def main(name: str, arguments: Sequence[str]) -> int:
    place.require_host("aios mcp", "There it runs commands in this machine too.")
    own_rules.hand_over()
    own_servers.hand_over()
    if importlib.util.find_spec(_PACKAGE) is not None:
        # Not by `import`: what is imported by name is copied into machines with the client.
        status: int = importlib.import_module(f"{_PACKAGE}.__main__").main(arguments)
        return status
    if not PYTHON.exists():
        raise ClientError(UNAVAILABLE, "`aios mcp` needs the services' own Python", str(PYTHON))
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-I", "-m", _PACKAGE, *arguments])  # noqa: S606
