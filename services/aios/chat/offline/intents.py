import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aios.chat.offline.phrases import Phrase, PhraseReader
from aios.chat.offline.proposal import Distro
from aios.chat.offline.slots import Slots

_KEYS = frozenset(
    {"id", "why", "changes", "says", "about", "also", "slots", "defaults", "command", "question",
     "rank"}
)  # fmt: skip
_DISTROS: tuple[Distro, ...] = ("debian", "arch", "fedora")


@dataclass(frozen=True, slots=True, eq=False)
class Intent:
    id: str
    why: str
    changes: bool
    says: tuple[Phrase, ...]
    about: tuple[Phrase, ...]
    also: frozenset[str]  # explained words that change nothing
    slots: dict[str, str]  # name → type, of those that may stand anywhere
    defaults: dict[str, str]
    command: dict[Distro, str]
    question: dict[str, str]
    rank: int


def load_intents(path: Path, phrases: PhraseReader, slots: Slots) -> list[Intent]:
    """Raises ValueError with file and intent."""
    data = tomllib.loads(path.read_text())
    intents = []
    for entry in data["intent"]:
        try:
            intents.append(_intent(entry, path.stem, phrases, slots))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name}: {entry.get('id')}: {error}") from error
    return intents


def _intent(entry: dict[str, Any], family: str, phrases: PhraseReader, slots: Slots) -> Intent:
    if unknown := entry.keys() - _KEYS:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    says = tuple(phrases.read(text) for text in entry.get("says", ()))
    about = tuple(phrases.read(text) for text in entry.get("about", ()))
    types = {slot.type for phrase in says + about for slot in phrase.slots()}
    types |= set(entry.get("slots", {}).values())
    if unknown := types - slots.types:
        raise ValueError(f"unknown slot types: {', '.join(sorted(unknown))}")
    changes = bool(entry.get("changes", False))
    if changes and about:
        raise ValueError("an intent that changes things needs its words in order")
    if not (says or about):
        raise ValueError("no phrases")
    command = entry.get("command", {})
    return Intent(
        id=f"{family}.{entry['id']}",
        why=entry.get("why", ""),
        changes=changes,
        says=says,
        about=about,
        also=frozenset(slots.lexicon.canonical(word) for word in entry.get("also", "").split()),
        slots=dict(entry.get("slots", {})),
        defaults={name: str(value) for name, value in entry.get("defaults", {}).items()},
        command=dict.fromkeys(_DISTROS, command) if isinstance(command, str) else command,
        question=dict(entry.get("question", {})),
        rank=int(entry.get("rank", 0)),
    )
