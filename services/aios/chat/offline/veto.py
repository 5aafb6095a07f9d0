import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from aios.chat.offline.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Veto:
    """A kind of sentence that is never turned into a command."""

    id: str
    reason: str
    patterns: re.Pattern[str]
    suggests: bool  # what follows the pattern may be shown as "did you mean"


@dataclass(frozen=True, slots=True)
class Vetoes:
    before: tuple[Veto, ...]  # asked before the sentence is understood
    after: tuple[Veto, ...]  # say better why it was not

    @classmethod
    def load(cls, path: Path) -> "Vetoes":
        data = tomllib.loads(path.read_text())
        return cls(*(tuple(_veto(entry) for entry in data[when]) for when in ("before", "after")))

    def stop(self, sentence: Sentence) -> tuple[Veto, str] | None:
        """The first veto, and what follows the words that it is about."""
        for veto in self.before:
            if match := veto.patterns.search(sentence.plain):
                return veto, sentence.plain[match.end() :].strip()
        return None

    def explain(self, said: str) -> Veto | None:
        return next((veto for veto in self.after if veto.patterns.search(said)), None)


def _veto(entry: dict[str, object]) -> Veto:
    patterns = entry["patterns"]
    assert isinstance(patterns, list)  # noqa: S101 - our own data
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return Veto(
        str(entry["id"]), str(entry["reason"]), re.compile(joined), bool(entry.get("suggests"))
    )
