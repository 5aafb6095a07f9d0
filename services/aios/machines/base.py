"""Base trees: the OS trees that new machines are copies of, kept in the cache. A unit of its own
builds one, with the network and the rights that this service has not."""

import asyncio
import contextlib
import platform
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aios.errors import InvalidOption, Unavailable
from aios.units import Units

TREES = Path("/var/cache/aios/trees")
DISTRIBUTIONS = ("debian", "ubuntu", "arch", "fedora")
_RELEASED = ("debian", "ubuntu")
"""Those of which one has to be chosen."""
_RELEASE = re.compile(r"[a-z][a-z0-9]{1,30}")
_LOOK_SECONDS = 1.0

Tell = Callable[[str], Awaitable[None]]
"""Says what is being done, to whoever waits for it."""


class Bases:
    def __init__(self, units: Units) -> None:
        self._units = units
        self._waiting: dict[str, int] = {}

    async def tree(self, distribution: str, release: str, tell: Tell) -> Path:
        """Builds it where it is not in the cache. Raises Unavailable."""
        name = f"{distribution}-{release}" if release else distribution
        link = TREES / f"base-{name}"
        if not link.is_dir():
            await self._build(f"aios-machine-tree@{name}.service", tell)
        if not link.is_dir():
            raise Unavailable(f"there is no tree {link}", hint="aios machine create, again")
        return link.resolve()

    async def _build(self, unit: str, tell: Tell) -> None:
        async with self._wanted(unit):
            building = asyncio.ensure_future(self._units.start(unit))
            try:
                while not building.done():
                    await asyncio.wait([building], timeout=_LOOK_SECONDS)
                    await tell(await self._units.status(unit) or "building its OS tree")
            finally:
                building.cancel()
            try:
                await building
            except Unavailable as error:
                said = await self._units.status(unit)
                raise Unavailable(said or error.message, hint=error.hint) from error

    @contextlib.asynccontextmanager
    async def _wanted(self, unit: str) -> AsyncIterator[None]:
        """When the last who waits for it goes, it is stopped."""
        self._waiting[unit] = self._waiting.get(unit, 0) + 1
        try:
            yield
        finally:
            self._waiting[unit] -= 1
            if not self._waiting[unit]:
                await self._units.stop(unit)


def host() -> tuple[str, str]:
    """This host's own distribution and release, or what it is made of."""
    told = platform.freedesktop_os_release()
    own = told.get("ID", "")
    words = [own, *told.get("ID_LIKE", "").split()]
    found = next((word for word in words if word in DISTRIBUTIONS), own)
    codename = "VERSION_CODENAME" if found == own else f"{found.upper()}_CODENAME"
    return found, told.get(codename, "")


def chosen(distribution: str, release: str) -> tuple[str, str]:
    """Raises InvalidOption."""
    own, own_release = host()
    distribution = distribution or own
    if distribution not in DISTRIBUTIONS:
        raise InvalidOption(
            f"no machine is made of {distribution!r}", hint=f"--distro {', '.join(DISTRIBUTIONS)}"
        )
    if distribution not in _RELEASED:
        if release:
            raise InvalidOption(f"{distribution} is taken as its archives are: no release")
        return distribution, ""
    if not release and distribution == own:
        release = own_release
    if not _RELEASE.fullmatch(release):
        raise InvalidOption(f"which release of {distribution}?", hint="--release NAME")
    return distribution, release
