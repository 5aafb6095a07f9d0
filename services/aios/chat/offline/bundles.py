"""Environments: what a request for one installs, as data.

A bundle names what it is for (`names`: with a word like "environment" or "tools" behind it;
`alone`: that say it by themselves), its packages by distribution, units to start, and commands
that show afterwards that it works.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aios.chat.offline.intents import Intent
from aios.chat.offline.phrases import PhraseReader
from aios.chat.offline.proposal import Distro

FAMILY = "bundles"
_INSTALL: dict[Distro, str] = {
    "debian": "apt-get install -y {}",
    "arch": "pacman -S --needed --noconfirm {}",
    "fedora": "dnf install -y {}",
}


@dataclass(frozen=True, slots=True)
class Bundle:
    id: str
    packages: dict[Distro, tuple[str, ...]]
    checks: tuple[str, ...]
    """Commands that only read; the first line that each prints is shown."""


@dataclass(frozen=True, slots=True)
class Bundles:
    bundles: dict[str, Bundle]
    """By the id of the intent that installs it."""
    intents: tuple[Intent, ...]

    @classmethod
    def load(cls, path: Path, phrases: PhraseReader) -> "Bundles":
        """Raises ValueError with file and bundle."""
        data = tomllib.loads(path.read_text())
        bundles: dict[str, Bundle] = {}
        intents: list[Intent] = []
        for entry in data["bundle"]:
            try:
                intent = _intent(entry, data, phrases)
                packages = {name: tuple(names) for name, names in entry["packages"].items()}
                checks = tuple(entry.get("checks", ()))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path.name}: {entry.get('id')}: {error}") from error
            bundles[intent.id] = Bundle(entry["id"], packages, checks)
            intents.append(intent)
        return cls(bundles, tuple(intents))


def _intent(entry: dict[str, Any], data: dict[str, Any], phrases: PhraseReader) -> Intent:
    if unknown := entry.keys() - {"id", "what", "names", "alone", "packages", "units", "checks"}:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    environment = _either(data["env"])
    given = (("names", "with"), ("alone", "alone"))
    says = tuple(
        phrases.read(text.replace("NAME", _either(entry[names])).replace("ENV", environment))
        for names, form in given
        if entry.get(names)
        for text in data[form]
    )
    units = entry.get("units", {})
    command = {
        distro: _command(distro, entry["packages"][distro], units.get(distro, ()))
        for distro in _INSTALL
        if distro in entry["packages"]
    }
    return Intent(
        id=f"{FAMILY}.{entry['id']}",
        why=f"Installs {entry['what']}.",
        changes=True,
        says=says,
        about=(),
        also=frozenset(),
        slots={},
        defaults={},
        command=command,
        question={},
        rank=2,
    )


def _either(names: Sequence[str]) -> str:
    return f"({'|'.join(names)})"


def _command(distro: Distro, packages: Sequence[str], units: Sequence[str]) -> str:
    steps = [_INSTALL[distro].format(" ".join(packages))]
    if units:
        steps.append("systemctl enable --now " + " ".join(units))
    return " && ".join(steps)
