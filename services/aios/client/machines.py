"""The machines that aios governs here, and those that a pattern means."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from aios.client import place
from aios.client.varlink import ERROR_PREFIX, ClientError

# systemd-machined(8) keeps a file there for each machine that runs.
RUNNING = "/run/systemd/machines"
HOST = ".host"


def governed() -> list[str]:
    """Those that run, and the host."""
    sockets = Path(place.RUNTIME, "exec")
    found = [path.name.removesuffix(".sock") for path in sockets.glob("*.sock")]
    return sorted(name for name in found if name == HOST or Path(RUNNING, name).exists())


def matching(patterns: Sequence[str]) -> list[str]:
    """In order, each once. As a shell's `*`, a pattern does not mean what starts with a dot."""
    known = governed()
    chosen: list[str] = []
    for pattern in patterns:
        if any(character in pattern for character in "*?["):
            dot = pattern.startswith(".")
            found = [
                name for name in known
                if fnmatchcase(name, pattern) and name.startswith(".") == dot
            ]  # fmt: skip
            if not found:
                raise ClientError(
                    ERROR_PREFIX + "NoSuchMachine",
                    f"no machine that runs is called {pattern!r}",
                    f"There are: {', '.join(known) or 'none'}.",
                )
        else:
            place.exec_socket(pattern)
            found = [pattern]
        chosen += [name for name in found if name not in chosen]
    return chosen
