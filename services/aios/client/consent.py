"""A plain yes or no of a person's, on the line."""

import sys

from aios.client.terminal import harmless
from aios.client.varlink import ERROR_PREFIX, ClientError


def confirmed(question: str) -> bool:
    """Whether a person at the terminal says yes; without one, nobody does."""
    if not sys.stdin.isatty():
        return False
    print(f"{harmless(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def require(question: str, *, given: bool, option: str) -> None:
    """given: the yes came with the command, as `option`."""
    if not given and not confirmed(question):
        raise ClientError(
            ERROR_PREFIX + "NotAuthorized", "nothing was changed",
            f"Without a terminal: {option}", status=1,
        )  # fmt: skip
