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


def run(arguments: Sequence[str], *, package: str = "", module: str = "") -> int:
    """The exit status, or no return at all. `module` is the library's command, policy's if not
    given; `package` is there where that can run in this interpreter."""
    if importlib.util.find_spec(package or _PACKAGE) is not None:
        # Not by `import`: what is imported by name is copied into machines with the client.
        tool = importlib.import_module(f"{module or _TOOL}.__main__")
        status: int = tool.main(arguments)
        return status
    if not PYTHON.exists():
        raise ClientError(
            UNAVAILABLE,
            f"`aios {_name(arguments, module)}` reads files of the host, and this is none",
            "" if module else "There: aios policy --help. Here: aios policy check COMMAND",
        )
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-I", "-m", module or _TOOL, *arguments])  # noqa: S606


def _name(arguments: Sequence[str], module: str) -> str:
    return "plan without a service" if module else f"policy {arguments[0]}"
