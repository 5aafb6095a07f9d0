"""Names of packages and units: what people call them, what they are called there,
and whether they exist."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aios.chat.offline.proposal import Context, Distro, Grounding
from aios.chat.offline.values import Value

_SUFFIXES = (".service", ".socket", ".timer", ".target", ".mount", ".path", ".slice", ".scope")


class Unknown(Exception):
    """No such name; `kind` is package or unit."""

    def __init__(self, kind: str, name: str, *, listed: bool) -> None:
        missing = f"there is no {kind} called {name} here"
        super().__init__(missing if listed else f"I cannot tell whether {name} is a {kind}")
        self.kind = kind
        self.name = name


@dataclass(frozen=True, slots=True)
class Aliases:
    packages: dict[str, dict[str, str]]
    units: dict[str, dict[str, str]]

    @classmethod
    def load(cls, path: Path) -> "Aliases":
        data = tomllib.loads(path.read_text())
        return cls(_table(data["packages"]), _table(data["units"]))

    def multiword(self) -> dict[str, frozenset[str]]:
        return {
            "package": frozenset(name for name in self.packages if " " in name),
            "unit": frozenset(name for name in self.units if " " in name),
        }

    def candidates(self, kind: str, name: str, distro: Distro) -> Iterator[str]:
        low = name.lower()
        aliases = (self.packages if kind == "package" else self.units).get(low, {})
        names = [aliases.get(distro, ""), name, low]
        yield from (name for name in dict.fromkeys(names) if name and " " not in name)

    def all_candidates(self, value: Value) -> Iterator[str]:
        for item in value.items:
            for distro in ("debian", "arch", "fedora"):
                yield from self.candidates(value.type, item, distro)

    def ground(self, value: Value, context: Context) -> tuple[Value, tuple[str, ...]]:
        """The value with its real names, and those that could not be verified; or Unknown."""
        grounding = context.packages if value.type == "package" else context.units
        items: list[str] = []
        unverified: list[str] = []
        for item in value.items:
            candidates = tuple(self.candidates(value.type, item, context.distro))
            answers = [_exists(grounding, value.type, name) for name in candidates]
            if True in answers:
                items.append(candidates[answers.index(True)])
            elif None in answers and not value.weak:
                items.append(candidates[answers.index(None)])
                unverified.append(items[-1])
            else:
                raise Unknown(value.type, item, listed=None not in answers)
        return Value(value.type, tuple(items)), tuple(unverified)


def _exists(grounding: Grounding, kind: str, name: str) -> bool | None:
    answer = grounding.exists(name)
    if kind == "unit" and answer is False and not name.endswith(_SUFFIXES):
        answer = grounding.exists(name + ".service")
    return answer


def _table(data: dict[str, str | dict[str, str]]) -> dict[str, dict[str, str]]:
    return {
        name: dict.fromkeys(("debian", "arch", "fedora"), real) if isinstance(real, str) else real
        for name, real in data.items()
    }
