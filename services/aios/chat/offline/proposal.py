from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Distro = Literal["debian", "arch", "fedora"]


class Grounding(Protocol):
    """What is known of the names in a machine: packages, or units."""

    def exists(self, name: str) -> bool | None:
        """None: there is no list to look in."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A grounding by a list that was read before; without one nothing is known."""

    names: frozenset[str] | None = None

    @classmethod
    def of(cls, names: Iterable[str]) -> "Listed":
        return cls(frozenset(names))

    def exists(self, name: str) -> bool | None:
        return None if self.names is None else name in self.names


@dataclass(frozen=True, slots=True)
class Context:
    machine: str
    distro: Distro
    now: datetime  # with a time zone: the person's
    packages: Grounding = field(default_factory=Listed)
    units: Grounding = field(default_factory=Listed)
    home: str = ""  # what `~` means; "" leaves it to the shell


@dataclass(frozen=True, slots=True)
class Proposal:
    command: str
    why: str
    changes: bool
    intent: str
    unverified: tuple[str, ...] = ()
    installs: tuple[str, ...] = ()  # packages that will be there afterwards
    checks: tuple[str, ...] = ()  # commands that show that what was installed works


@dataclass(frozen=True, slots=True)
class Abstain:
    reason: str
    suggestions: tuple[str, ...] = ()  # at most three, for eyes only
