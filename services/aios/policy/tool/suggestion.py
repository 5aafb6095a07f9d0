"""`aios policy suggest`: what humans approved again and again, as rules for a human to read.

A rule is for exactly the words that were approved, on that machine, for those who asked, and at
most `notify`. Nothing that runs what else it is told to (interpreters, shells, sudo, git, …) ever
gets one, nothing that a rule sends to a human on purpose, and nothing that was rejected too.
"""

import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aios.client import log_rows
from aios.client.varlink import ClientError
from aios.errors import ConfigError, NotAuthorized
from aios.policy import rules
from aios.policy.decision import Decision
from aios.policy.grants import NEVER_WIDER
from aios.policy.policy import Policy
from aios.policy.reader import read
from aios.policy.tool.asker import groups_of
from aios.policy.tools import tools
from aios.policy.words import is_dynamic

OFTEN = 3
_SHELLS = re.compile(r"(?:r?bash|[dackz]?sh|mksh|fish|tcsh|eval|source|\.)")
_GLOB = re.compile(r"[*?\[]")
_SUGGESTED = Path("suggested.toml")


@dataclass(frozen=True)
class Approved:
    """One command that a human let run, or refused."""

    command: str
    machine: str
    user: str
    approved: bool


@dataclass(frozen=True)
class Suggestion:
    words: tuple[str, ...]
    machine: str
    users: tuple[str, ...]
    times: int

    def toml(self) -> str:
        """A table with a comment. Raises ConfigError for words that no pattern can name."""
        said = shlex.join(self.words)
        pattern = " ".join([*(shlex.quote(_literal(word)) for word in self.words), "$"])
        return "\n".join([
            f"# approved {self.times} times",
            "[[permissions.rule]]",
            f"pattern  = {_text(pattern)}",
            'decision = "notify"',
            f"machines = [{_text(self.machine)}]",
            f"users    = [{', '.join(_text(user) for user in self.users)}]",
            f"reason   = {_text(f'approved {self.times} times before')}",
            f"match    = [{_text(said)}]",
            f"not_match = [{_text(f'{said} more')}]",
            "",
        ])  # fmt: skip


def _literal(word: str) -> str:
    return _GLOB.sub(r"[\g<0>]", word)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def from_audit() -> list[Approved]:
    try:
        found = [
            command
            for how in ("approved", "rejected")
            for command in log_rows.find(log_rows.Wanted(limit=0, decision=how))
        ]
        if not found:
            log_rows.require_right_to_read()
    except ClientError as error:
        raise NotAuthorized(error.message, hint=error.hint) from error
    return [
        Approved(str(f["command"]), str(f["machine"]), str(f["user"]), f["outcome"] == "approved")
        for each in found
        if {"command", "machine", "user", "outcome"} <= (f := each.fields).keys()
    ]


def suggestions(policy: Policy, past: Iterable[Approved], often: int) -> list[Suggestion]:
    """The most often approved first."""
    counts: Counter[tuple[tuple[str, ...], str, str]] = Counter()
    refused: set[tuple[str, ...]] = set()
    for each in past:
        for words in _candidates(policy, each):
            if each.approved:
                counts[words, each.machine, each.user] += 1
            else:
                refused.add(words)
    users: dict[tuple[tuple[str, ...], str], dict[str, int]] = {}
    for (words, machine, user), times in counts.items():
        if times >= often and words not in refused:
            users.setdefault((words, machine), {})[user] = times
    found = [
        Suggestion(words, machine, tuple(sorted(by)), sum(by.values()))
        for (words, machine), by in users.items()
    ]
    found = [each for each in found if _settles(policy, each)]
    return sorted(found, key=lambda each: (-each.times, each.words, each.machine))


def _candidates(policy: Policy, past: Approved) -> list[tuple[str, ...]]:
    """The simple commands of a line that needed a human only because no rule covers them."""
    verdict = policy.check(past.command, past.machine, user=past.user, groups=groups_of(past.user))
    held = [part for part in verdict.parts if part.decision >= Decision.REQUIRE_APPROVAL]
    if any(part.rule != policy.default_origin for part in held):
        return []
    found = [_plain_words(part.command) for part in held]
    return found if all(found) else []


def _plain_words(command: str) -> tuple[str, ...]:
    """The words of one simple command that does no more than they say; else none."""
    line = read(command)
    if line.broken or line.unclear or len(line.commands) != 1 or not command.isprintable():
        return ()
    (simple,) = line.commands
    if simple.redirects or simple.assignments or not simple.words:
        return ()
    if any(is_dynamic(word) for word in simple.words) or _never(simple.words[0]):
        return ()
    return tuple(simple.words)


def _never(name: str) -> bool:
    """Whether what this runs is not in its words alone."""
    versionless = name.rstrip("0123456789.") or name
    if "/" in name or {name, versionless} & NEVER_WIDER or _SHELLS.fullmatch(name):
        return True
    known = [tool for each in (name, versionless) if (tool := tools().get(each)) is not None]
    return any(tool.interpreter or tool.wrapper is not None for tool in known)


def _settles(policy: Policy, suggestion: Suggestion) -> bool:
    """Whether with the rule the command would run, and only announced."""
    try:
        layer = rules.parse(_SUGGESTED, suggestion.toml())
    except ConfigError:
        return False
    changed = Policy([*policy.layers, layer], shipped=policy.layers[0].path)
    command = shlex.join(suggestion.words)
    decisions = [
        changed.check(command, suggestion.machine, user=user, groups=groups_of(user)).decision
        for user in suggestion.users
    ]
    return all(decision is Decision.NOTIFY for decision in decisions)


def show(found: Sequence[Suggestion]) -> str:
    about = (
        "# Suggested by `aios policy suggest`: read each before you put it into\n"
        "# /etc/aios/config.d/. With `notify` these run without a human, as profile standard.\n"
    )
    return "\n".join([about, *(each.toml() for each in found)])


def run(policy: Policy, often: int) -> int:
    found = suggestions(policy, from_audit(), often)
    if not found:
        print("aios: nothing was approved so often that a rule would help", file=sys.stderr)
        return 0
    print(show(found), end="")
    return 0
