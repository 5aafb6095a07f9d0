"""Base trees: the OS trees that new machines are copies of, kept in the cache."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aios.errors import InvalidOption, Unavailable

TREES = Path("/var/cache/aios/trees")
Tell = Callable[[str], Awaitable[None]]
"""Says what is being done, to whoever waits for it."""


class Bases:
    async def tree(self, distribution: str, release: str, tell: Tell) -> Path:
        found = TREES / "-".join(filter(None, ["base", distribution, release]))
        if not found.is_dir():
            raise Unavailable(f"no base tree {found}")
        return found.resolve()


def host() -> tuple[str, str]:
    """This host's own distribution and release."""
    import platform

    told = platform.freedesktop_os_release()
    return told.get("ID", ""), told.get("VERSION_CODENAME", "")


def chosen(distribution: str, release: str) -> tuple[str, str]:
    own, own_release = host()
    distribution = distribution or own
    if not release and distribution == own:
        release = own_release
    if not release and distribution in ("debian", "ubuntu"):
        raise InvalidOption(f"{distribution} in which release?", hint="--release NAME")
    return distribution, release
