import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from aios.chat.offline import (
    DATA,
    Abstain,
    Brain,
    Context,
    Distro,
    Listed,
    Proposal,
    Question,
)

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)  # a Friday
PACKAGES = Listed.of(
    [
        "tree",
        "nginx",
        "git",
        "vim",
        "curl",
        "htop",
        "apache2",
        "docker.io",
        "python3",
        "nodejs",
        "tmux",
        "wget",
        "openssh-server",
        "postgresql",
        "redis-server",
        "neovim",
        "jq",
        "ripgrep",
        "firefox-esr",
        "file",
        "screen",
        "less",
        "time",
        "make",
        "fish",
        "gcc",
        "build-essential",
    ]
)
UNITS = Listed.of(
    f"{name}.service"
    for name in [
        "nginx",
        "ssh",
        "cron",
        "apache2",
        "docker",
        "postgresql",
        "systemd-resolved",
        "NetworkManager",
        "bluetooth",
    ]
)


@cache
def brain() -> Brain:
    return Brain.load(DATA)


def context(
    distro: Distro = "debian", packages: Listed = PACKAGES, units: Listed = UNITS, home: str = ""
) -> Context:
    return Context("aios", distro, NOW, packages, units, home)


def read(sentence: str, **given: Any) -> Proposal | Question | Abstain:
    return brain().read(sentence, context(**given))


def command(sentence: str, **given: Any) -> str | None:
    result = read(sentence, **given)
    return result.command if isinstance(result, Proposal) else None


@dataclass(frozen=True)
class Case:
    style: str
    say: str
    command: str | None
    question: str | None


def cases() -> Iterator[Case]:
    for path in sorted(HERE.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            data = json.loads(line)
            yield Case(path.stem, data["say"], data.get("command"), data.get("question"))


def summary(question: Question) -> str:
    """A question in one line, as the case files have it."""
    asked = question.kind not in ("remember", "recall", "last")
    parts = (
        question.kind,
        question.action if asked else "",
        question.outcome if question.outcome != "any" else "",
        question.period,
        question.name,
        question.text,
    )
    return " ".join(part for part in parts if part)
