"""Base trees: the OS trees that new machines are copies of, kept in the cache. A unit of its own
builds one, with the network and the rights that this service has not. One that is older than a week
is built anew: what its package lists name, archives no longer have."""

import asyncio
import contextlib
import platform
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aios.errors import InvalidOption, Unavailable
from aios.units import Units

TREES = Path("/var/cache/aios/trees")
DISTRIBUTIONS = ("debian", "ubuntu", "arch", "fedora")
_RELEASED = ("debian", "ubuntu")
"""Those of which one has to be chosen."""
_RELEASE = re.compile(r"[a-z][a-z0-9]{1,30}")
_LOOK_SECONDS = 1.0
_DAY_SECONDS = 86400
_OLD_DAYS = 7
_BUILT = "etc/machine-id"
"""Emptied when a tree is built, and written by nobody until a copy boots."""

Tell = Callable[[str], Awaitable[None]]
"""Says what is being done, to whoever waits for it."""


@dataclass(frozen=True)
class Base:
    tree: Path
    stale: str = ""
    """Of when it is, and why it is no newer one."""
    number: int = 0
    """Its inode's: another tree may have its name by the time it has been copied."""

    def require_same(self) -> None:
        """After copying, which is by path. Raises Unavailable."""
        if _number(self.tree) != self.number:
            raise Unavailable(
                f"{self.tree} was built anew while it was copied", hint="aios machine create, again"
            )


class Bases:
    def __init__(self, units: Units) -> None:
        self._units = units
        self._waiting: dict[str, int] = {}

    async def get(self, distribution: str, release: str, tell: Tell, *, refresh: bool) -> Base:
        """Built where it is not in the cache, is old, or a new one is asked for. An old one that
        cannot be built anew is taken as it is. Raises Unavailable."""
        name = f"{distribution}-{release}" if release else distribution
        link, unit = TREES / f"base-{name}", f"aios-machine-tree@{name}.service"
        days, stale = _days(link), ""
        if refresh or days is None:
            await self._build(unit, tell)
        elif days >= _OLD_DAYS:
            try:
                await self._build(unit, tell)
            except Unavailable as error:
                stale = f"of {days:.0f} days ago, and no new one: {error.message}"
        if not link.is_dir():
            raise Unavailable(f"there is no tree {link}", hint="aios machine create, again")
        tree = link.resolve()
        return Base(tree, stale, _number(tree))

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
                # Its failure is told here and in the journal; the host is not degraded by it.
                await self._units.reset_failed(unit)
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


def _number(tree: Path) -> int:
    """0 where there is none."""
    try:
        return tree.stat().st_ino
    except OSError:
        return 0


def _days(tree: Path) -> float | None:
    """How old it is; None where there is none."""
    try:
        return (time.time() - (tree / _BUILT).stat().st_mtime) / _DAY_SECONDS
    except OSError:
        return None


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
