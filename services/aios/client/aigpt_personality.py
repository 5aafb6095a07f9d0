"""`aigpt personality`: 20 statements on a terminal, as many at a time as the person likes."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from aios.client.aigpt_store import Store
from aios.client.handing_over import may_keep
from aios.errors import InvalidOption
from aios.memory.memories import MAX_LIMIT
from aios.memory.personality import HIGH, ITEMS, LOW, SCALE, indicate, score, summary

_READ = 20_000
"""Memories from which an indication is made: the newest."""


def run(store: Store, *, from_text: bool, as_json: bool) -> tuple[Any, str]:
    """The result for `--json`, and for a person."""
    if from_text:
        found = indicate(_texts(store)).fields()
        lines = [f"{name}: {value:.2f}" for name, value in found["traits"].items()]
        lines.append(f"confidence {found['confidence']:.2f}: from {found['words']} words, no test")
        return found, "\n".join(lines)
    answers = _given() if as_json else ask(state_file())
    traits = score(answers)
    saved = store.save_analysis(traits, summary(traits))
    state_file().unlink(missing_ok=True)
    lines = [f"{name}: {value:.2f}" for name, value in traits.items()]
    return saved, "\n".join([*lines, f"dominant: {saved['dominant_trait']}"])


def _texts(store: Store) -> list[str]:
    texts: list[str] = []
    while len(texts) < _READ and (page := store.recent(MAX_LIMIT, len(texts))):
        texts += [memory["content"] for memory in page]
    return texts


def _given() -> list[int]:
    """Answers as JSON on stdin: a list of 20, or an object by number."""
    try:
        said = json.load(sys.stdin)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"the answers on stdin are not JSON: {error}") from error
    if isinstance(said, dict):
        said = [said.get(str(place)) for place in range(1, len(ITEMS) + 1)]
    if not isinstance(said, list):
        raise InvalidOption(f"the answers are a list of {len(ITEMS)}, or an object by number")
    return said


def state_file() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(base) / "aios/personality.json"


def ask(kept: Path) -> list[int]:
    """Goes on where it was left. Raises InvalidOption where the input ends too early."""
    answers = _resume(kept)
    print("How well does each describe you? " + ", ".join(
        f"{place} {name}" for place, name in enumerate(SCALE, LOW)
    ) + ".")  # fmt: skip
    if answers:
        print(f"You have answered {len(answers)} of {len(ITEMS)}.")
    while len(answers) < len(ITEMS):
        try:
            said = input(f"{len(answers) + 1:2}/{len(ITEMS)}  I … {ITEMS[len(answers)].text}  ")
        except EOFError:
            raise InvalidOption(
                f"{len(answers)} of {len(ITEMS)} are answered",
                hint="They are kept: the same command goes on from here.",
            ) from None
        if said.strip() in map(str, range(LOW, HIGH + 1)):
            answers.append(int(said))
            if may_keep(str(kept.parent)):
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(answers))
        else:
            print(f"      {LOW} to {HIGH}, please")
    return answers


def _resume(kept: Path) -> list[int]:
    try:
        answers = json.loads(kept.read_text())
    except (OSError, ValueError):
        return []
    good = isinstance(answers, list) and all(
        isinstance(answer, int) and LOW <= answer <= HIGH for answer in answers
    )
    return answers[: len(ITEMS)] if good else []
