"""What a command may use: the least of what the machine's configuration, its profile and the call
allow. A call can only lower.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields

from aios.config import Config
from aios.exec.profile import Profile
from aios.exec.unit import Ended, Property, Result
from aios.sizes import INFINITY, number

MAX_CPU_WEIGHT = 10_000
PROPERTIES = {"memory_max": "MemoryMax", "tasks_max": "TasksMax", "cpu_weight": "CPUWeight"}
"""What the kernel enforces only where there is such a cgroup controller."""
_ENDED = {Ended.TIMEOUT: "timeout", Ended.OOM: "memory", Ended.OUTPUT: "output"}


@dataclass(frozen=True)
class Limits:
    """None: none. timeout_usec: of wall time; memory_max: bytes; cpu_weight: 1 to 10,000, where
    100 is everybody's; output_max: bytes of one stream: a call's end the command, a machine's are
    what is kept."""

    timeout_usec: int | None = None
    memory_max: int | None = None
    tasks_max: int | None = None
    cpu_weight: int | None = None
    output_max: int | None = None

    def least(self, other: "Limits") -> "Limits":
        return Limits(
            *(
                min((each for each in pair if each is not None), default=None)
                for pair in zip(self._values(), other._values(), strict=True)
            )
        )

    def _values(self) -> list[int | None]:
        return [getattr(self, field.name) for field in fields(self)]

    def properties(self, profile: Profile) -> list[Property]:
        found: list[Property] = [
            ("RuntimeMaxUSec", ("t", INFINITY if self.timeout_usec is None else self.timeout_usec))
        ]
        found += [
            (name, ("t", value))
            for field, name in PROPERTIES.items()
            if (value := getattr(self, field)) is not None
        ]
        if self.memory_max != of_profile(profile).memory_max:
            # Somebody wants exactly this; under the profile's bound alone it may still swap.
            found.append(("MemorySwapMax", ("t", 0)))
        accounts = ("CPUAccounting", "MemoryAccounting", "TasksAccounting", "IOAccounting")
        return found + [(name, ("b", True)) for name in accounts]

    def unenforced(self, lacking: Collection[str]) -> tuple[str, ...]:
        """Those of these limits that the machine does not enforce, of all that it does not."""
        return tuple(
            name
            for field, name in PROPERTIES.items()
            if name in lacking and getattr(self, field) is not None
        )


def of_profile(profile: Profile) -> Limits:
    settings = profile.settings
    seconds = settings.get("RuntimeMaxSec")
    return Limits(
        timeout_usec=None if seconds is None else int(seconds * 1_000_000),
        memory_max=_finite(settings.get("MemoryMax")),
        tasks_max=_finite(settings.get("TasksMax")),
        cpu_weight=settings.get("CPUWeight"),
    )


def _finite(value: int | str | None) -> int | None:
    limit = INFINITY if value is None else number(value)
    return None if limit == INFINITY else limit


def of_machine(config: Config, machine: str) -> Limits:
    ceiling = config.ceiling(machine)
    return Limits(
        timeout_usec=ceiling.timeout * 1_000_000,
        memory_max=_finite(ceiling.memory_max),
        tasks_max=ceiling.tasks_max or None,
        cpu_weight=ceiling.cpu_weight or None,
        output_max=ceiling.output_limit,
    )


def effective(config: Config, machine: str, profile: Profile, asked: Limits) -> Limits:
    """`asked`: the call's (Request.limits)."""
    return of_machine(config, machine).least(of_profile(profile)).least(asked)


def reached(result: Result, left_out: int) -> str:
    """The limit that a command ran into, or ""; left_out: bytes of output."""
    if result.refused and result.ended not in _ENDED:
        return "tasks"
    return _ENDED.get(result.ended, "output" if left_out else "")
