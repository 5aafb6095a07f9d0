"""The policy library, for what is answered without the service.

It needs packages that the client's own interpreter does not see: installed, it runs in the
services' interpreter; in a checkout's .venv that is this one. Machines have neither.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from aios.client.varlink import UNAVAILABLE, ClientError

PYTHON = Path("/usr/lib/aios/venv/bin/python3")
_PACKAGE = "aios.policy"
_TOOL = f"{_PACKAGE}.tool"


def run(arguments: Sequence[str]) -> int:
    """The exit status, or no return at all."""
    if importlib.util.find_spec(_PACKAGE) is not None:
        # Not by `import`: what is imported by name is copied into machines with the client.
        tool = importlib.import_module(f"{_TOOL}.__main__")
        status: int = tool.main(arguments)
        return status
    if not PYTHON.exists():
        raise ClientError(
            UNAVAILABLE,
            f"`aios policy {arguments[0]}` reads files of the host, and this is none",
            "There: aios policy --help. Here: aios policy check COMMAND",
        )
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-I", "-m", _TOOL, *arguments])  # noqa: S606
