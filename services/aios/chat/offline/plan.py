"""Sentences to proposals without a machine: nothing is run, and no name is looked up there."""

import json
import platform
import shlex
import time
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from aios.chat.offline import DATA, Brain
from aios.chat.offline.editing import DEFAULT, editing
from aios.chat.offline.proposal import Abstain, Context, Distro, Proposal
from aios.chat.offline.questions import Question, QuestionKind
from aios.memory import preferences

BAD_INPUT = 2
FAMILIES: dict[str, Distro] = {
    "debian": "debian", "ubuntu": "debian", "arch": "arch", "fedora": "fedora", "rhel": "fedora",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usual:
    """A grounding by the names that most machines could have: the others may exist or not."""

    names: frozenset[str]

    def exists(self, name: str) -> bool | None:
        return True if name in self.names else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. `command` is empty when nothing would be; then `reason` says why."""

    command: str = ""
    why: str = ""
    changes: bool = False
    intent: str = ""
    unverified: tuple[str, ...] = ()
    reason: str = ""
    suggestions: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Without what is empty; lists of text are lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value or name == "changes"
        }


def here(distro: Distro | None = None, data: Path = DATA) -> Context:
    """For a machine of this distribution, or of the host's own (any other: Debian)."""
    usual = tomllib.loads((data / "usual.toml").read_text())
    return Context(
        machine="",
        distro=distro or _own(),
        now=datetime.now().astimezone(),
        packages=Usual(frozenset(usual["packages"])),
        units=Usual(frozenset(usual["units"])),
    )


def _own() -> Distro:
    try:
        known = platform.freedesktop_os_release()
    except OSError:
        return "debian"
    ids = f"{known.get('ID', '')} {known.get('ID_LIKE', '')}".split()
    return next((FAMILIES[name] for name in ids if name in FAMILIES), "debian")


def plan(brain: Brain, sentence: str, context: Context) -> Plan:
    if known := before_rules(sentence):
        return known
    result = brain.read(sentence, context)
    if isinstance(result, Proposal) and _doubtful(result):
        name = ", ".join(result.unverified)
        reason = f"without the machine I cannot tell whether {name} is a unit"
        return Plan(reason=reason, suggestions=(result.command,))
    return of_result(result, sentence)


def _doubtful(proposal: Proposal) -> bool:
    """Whether a word that no list has, and that looks like any other, would name a service."""
    return (
        proposal.changes
        and proposal.intent.startswith("services.")
        and any(name.isalpha() and name.islower() for name in proposal.unverified)
    )


def before_rules(sentence: str) -> Plan | None:
    """For a preference that is stated, and for a file to be edited."""
    if preferences.stated(sentence):
        command = shlex.join(["aios", "memory", "add", "--", sentence])
        return Plan(command, "Keeps what you prefer.", changes=True)
    if command := editing(sentence, DEFAULT):
        return Plan(reason="an editor needs a terminal of its own", suggestions=(command,))
    return None


def of_result(result: Proposal | Question | Abstain, sentence: str) -> Plan:
    match result:
        case Proposal():
            return Plan(
                result.command,
                result.why,
                changes=result.changes,
                intent=result.intent,
                unverified=result.unverified,
            )
        case Question():
            command = _asked(result, sentence)
            keeps = result.kind is QuestionKind.REMEMBER
            return Plan(command, "Asks the memory.", changes=keeps, intent=result.intent)
        case _:
            return Plan(reason=result.reason, suggestions=result.suggestions)


def _asked(question: Question, sentence: str) -> str:
    """What asks memory the same from a shell."""
    match question.kind:
        case QuestionKind.REMEMBER:
            words = ["add", "--", question.text]
        case QuestionKind.RECALL:
            words = ["search", "--", question.text] if question.text else ["list"]
        case _:
            return shlex.join(["aios", "history", "--", sentence])
    return shlex.join(["aios", "memory", *words])


def batch(brain: Brain, given: Iterable[bytes], answers: TextIO, context: Context) -> int:
    """Answers lines {"id", "nl"} with {"id", "cmd", "did_you_mean", "ms"}, each as it comes."""
    status = 0
    for raw in given:
        if not raw.strip():
            continue
        try:
            line = json.loads(raw.decode())
            identity, sentence = line.get("id"), line["nl"]
            if not isinstance(sentence, str):
                raise TypeError("nl is no text")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            answer: dict[str, Any] = {"id": None, "error": f'no line {{"id", "nl"}}: {error}'}
            status = BAD_INPUT
        else:
            started = time.perf_counter()
            planned = plan(brain, sentence, context)
            answer = {
                "id": identity,
                "cmd": planned.command or None,
                "did_you_mean": list(planned.suggestions),
                "ms": round((time.perf_counter() - started) * 1000, 3),
            }
        # ASCII: a lone surrogate is no UTF-8.
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return status
