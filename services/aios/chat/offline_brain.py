"""The offline brain's senses and hands: what aios.chat.offline, which is pure, needs looked up.

Names are looked up by governed, read-only probes in the machine, one probe for a sentence and only
for a sentence that names a package or unit; answers are kept for some minutes.
"""

import functools
import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aios.chat.distribution import Distribution
from aios.chat.event import Kind, Status
from aios.chat.offline import (
    DATA,
    Abstain,
    Brain,
    Context,
    Distro,
    Proposal,
    Question,
    QuestionKind,
    answer,
    of_memory,
)
from aios.chat.offline.editing import DEFAULT, editing
from aios.chat.offline.plan import FAMILIES, Plan, before_rules, of_result
from aios.chat.person import Person
from aios.chat.turn import REFUSALS, Turn
from aios.memory import preferences, questions
from aios.memory.zones import local

NOTICE = "offline: rules, no model"
_KEEP_SECONDS = 300.0
_KEPT = 4096
"""Names; all are forgotten beyond."""
_PROGRAM = re.compile(r"[a-z][a-z0-9+-]{0,30}")
_PAST = re.compile(
    r"(?:(?:and|so|hey|please|tell me|show me|list)[, ]+)*(?:what|which|when|who|how|did|has|have"
    r"|was|were|everything|anything|all|failed|commands?)\b.*\b(?:did|has|have|had|was|were|ran|got|went"
    r"|\w{2,}ed|last)\b|.*(?:した|いつ|履歴|失敗)",
    re.IGNORECASE | re.DOTALL,
)
_ROWS = 1000
"""Of history, newest first, that one question reads."""
_SUFFIXES = (
    ".service", ".socket", ".timer", ".target", ".mount", ".automount", ".swap", ".path", ".slice",
    ".scope", ".device",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Where names of one kind are looked up.

    NAMES in the probe are the names in question, PATTERNS are they as options of grep. It prints a
    line for each that exists, with the name as its only word, after "Package:", or first in a row.
    """

    kind: str
    probe: str
    complete: re.Pattern[str]
    """A line like this shows that there was a list to look in: what is not in it is not there."""


# Every list has bash and basic.target. Of apt's lists the files are read: without its cache,
# which root alone writes, apt-cache needs a temporary file, and a probe can write none.
_PACKAGES: dict[Distro, Source] = {
    "debian": Source(
        "package",
        "grep -sxF -e 'Package: bash' PATTERNS /var/lib/apt/lists/*_Packages /dev/null; "
        "dpkg-query -W -f '${Package}\\n' NAMES",
        re.compile(r".+_Packages:Package: bash"),
    ),
    "arch": Source("package", "pacman -Slq; pacman -Qq", re.compile("bash")),
    "fedora": Source(
        "package",
        r"dnf -q -C repoquery --qf '%{name}\n' NAMES bash; rpm -qa --qf '%{NAME}\n' NAMES",
        re.compile("bash"),
    ),
}
_UNITS = Source(
    "unit",
    "systemctl list-unit-files --no-legend --no-pager NAMES basic.target; "
    "systemctl list-units --all --plain --no-legend --no-pager NAMES",
    re.compile(r"basic\.target\b.*"),
)

_VERSIONS: dict[Distro, str] = {
    "debian": "dpkg-query -W -f '${{Package}} ${{Version}}\\n' {}",
    "arch": "pacman -Q {}",
    "fedora": "rpm -q --qf '%{{NAME}} %{{VERSION}}\\n' {}",
}


@dataclass(frozen=True)
class Found:
    """A Grounding by what the probes said."""

    source: Source
    names: dict[str, bool]

    def exists(self, name: str) -> bool | None:
        return self.names.get(_whole(self.source, name))


def _whole(source: Source, name: str) -> str:
    """`nginx` is short for `nginx.service`."""
    short = source.kind == "unit" and not name.endswith(_SUFFIXES)
    return f"{name}.service" if short else name


class Lookups:
    """What is known of names, by (machine, kind)."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, tuple[float, bool]]] = {}

    async def find(self, person: Person, source: Source, names: Sequence[str]) -> Found:
        now = time.monotonic()
        known = self._known.setdefault((person.machine, source.kind), {})
        fresh = {name: exists for name, (at, exists) in known.items() if now < at + _KEEP_SECONDS}
        wanted = dict.fromkeys(_whole(source, name) for name in names)
        missing = [name for name in wanted if name not in fresh and not name.startswith("-")]
        if missing:
            found = await _probe(person, source, missing)
            fresh |= found
            if len(known) > _KEPT:
                known.clear()
            known |= {name: (now, exists) for name, exists in found.items()}
        return Found(source, fresh)

    def forget(self, machine: str) -> None:
        """What a command changed is looked up again."""
        for kind in ("package", "unit"):
            self._known.pop((machine, kind), None)


async def _probe(person: Person, source: Source, names: Sequence[str]) -> dict[str, bool]:
    """Which of them exist; what could not be looked up is left out."""
    words = {
        "NAMES": " ".join(shlex.quote(name) for name in names),
        "PATTERNS": " ".join("-e " + shlex.quote(f"Package: {name}") for name in names),
    }
    command = re.sub("NAMES|PATTERNS", lambda found: words[found[0]], source.probe)
    try:
        result = await person.run(command, purpose="probe")
    except REFUSALS:
        return {}
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    there = {line.rpartition("Package:")[2].split()[0] for line in lines}
    complete = any(source.complete.fullmatch(line) for line in lines)
    return {name: name in there for name in names if complete or name in there}


@functools.cache
def brain() -> Brain:
    return Brain.load(Path(DATA))


async def respond(turn: Turn, lookups: Lookups, distribution: Distribution) -> Status:
    """Answers by rules: runs the command that the sentence means, or says why there is none."""
    if preference := preferences.stated(turn.prompt):
        # Chat has kept it: whatever answers, it counts from now on.
        await turn.say(f"✓ {preference.topic}: {preference.value}, from now on, in every machine.")
        return Status.OK
    if editing(turn.prompt, DEFAULT):
        return await _edit(turn)
    distro = _family(distribution)
    if distro is None:
        return await _abstain(turn, _unknown(distribution))
    now = datetime.now().astimezone()
    match await _decided(turn.person, turn.prompt, lookups, distro, now):
        case Proposal() as proposal:
            return await _run(turn, lookups, proposal, distro)
        case Question() as question:
            await turn.say(await _from_memory(turn, question))
            return Status.OK
        case Abstain() as abstained:
            if said := await _history(turn, now):
                await turn.say(said)
                return Status.OK
            return await _abstain(turn, abstained)


def _family(distribution: Distribution) -> Distro | None:
    return next((FAMILIES[name] for name in distribution.ids if name in FAMILIES), None)


def _unknown(distribution: Distribution) -> Abstain:
    return Abstain(f"I know no commands of {distribution.name} offline")


async def _decided(
    person: Person, prompt: str, lookups: Lookups, distro: Distro, now: datetime
) -> Proposal | Question | Abstain:
    draft = brain().parse(prompt)
    context = Context(
        machine=person.machine,
        distro=distro,
        now=now,
        packages=await lookups.find(person, _PACKAGES[distro], draft.packages),
        units=await lookups.find(person, _UNITS, draft.units),
    )
    return brain().decide(draft, context)


async def propose(
    person: Person, prompt: str, lookups: Lookups, distribution: Distribution
) -> Plan:
    """What respond() would do. Nothing is run but the probes, and nothing kept."""
    if known := before_rules(prompt):
        return known
    distro = _family(distribution)
    if distro is None:
        return of_result(_unknown(distribution), prompt)
    now = datetime.now().astimezone()
    return of_result(await _decided(person, prompt, lookups, distro, now), prompt)


async def _run(turn: Turn, lookups: Lookups, proposal: Proposal, distro: Distro) -> Status:
    if proposal.unverified:
        names = ", ".join(proposal.unverified)
        await turn.emit(Kind.NOTICE, {"text": f"unverified, no list to look in: {names}"})
    status = await turn.run_alone(proposal.command, proposal.why)
    if proposal.changes:
        lookups.forget(turn.person.machine)
        if status is Status.OK:
            for line in await _installed(turn.person, proposal, distro):
                await turn.emit(Kind.NOTICE, {"text": line})
            await turn.say("✓ done")
    return status


async def _installed(person: Person, proposal: Proposal, distro: Distro) -> list[str]:
    """A line for each package that was to be installed, with its version, and for each check."""
    if not proposal.installs:
        return []
    names = " ".join(shlex.quote(name) for name in proposal.installs)
    versions = await _said(person, _VERSIONS[distro].format(names))
    if versions is None:
        return []
    known = {words[0]: words[1] for line in versions if len(words := line.split()) == 2}
    lines = [
        f"✓ {name} {known[name]}" if name in known else f"✗ {name}: no package of that name"
        for name in proposal.installs
    ]
    for check in proposal.checks:
        if said := await _said(person, check):
            lines.append(f"✓ {check}: {said[0].strip()}")
    return lines


async def _said(person: Person, command: str) -> list[str] | None:
    """The lines that a look-up printed; None when it may not run."""
    try:
        return (await person.run(command, purpose="probe")).stdout.splitlines()
    except REFUSALS:
        return None


async def _edit(turn: Turn) -> Status:
    known = await turn.person.preferences()
    editor = next((str(one["program"]) for one in known if one["topic"] == "editor"), "")
    command = editing(turn.prompt, editor if _PROGRAM.fullmatch(editor) else DEFAULT)
    reason = "an editor needs a terminal of its own: `aios exec --pty --` before it gives it one"
    return await _abstain(turn, Abstain(reason, (command,)))


async def _abstain(turn: Turn, abstained: Abstain) -> Status:
    await turn.say(abstained.reason)
    if abstained.suggestions:
        await turn.emit(Kind.SUGGEST, {"commands": list(abstained.suggestions)})
    return Status.ABSTAINED


async def _from_memory(turn: Turn, question: Question) -> str:
    person = turn.person
    match question.kind:
        case QuestionKind.REMEMBER:
            await person.remember(question.text)
            return "✓ I keep that in mind."
        case QuestionKind.RECALL:
            return _memories(await person.recall(question.text, question.limit))
    if question.of_session:
        rows = await person.history({"session": person.session, "limit": _ROWS})
        # exec tells memory of a command after it has answered: the newest may be on their way.
        known = {row["id"] for row in rows}
        rows += [row for row in turn.ran_before() if row["id"] not in known]
        # The session that just began has no commands yet: then the person's last ones are meant.
        return answer(question, rows or await person.history({"limit": _ROWS}))
    return answer(question, await person.asked(turn.prompt, _ROWS))


async def _history(turn: Turn, now: datetime) -> str:
    """The answer to a sentence that no phrase fits, but that asks for commands that there are;
    "" for any other."""
    if not _PAST.match(turn.prompt) or (found := questions.read(turn.prompt, now, local())) is None:
        return ""
    rows = await turn.person.asked(turn.prompt, _ROWS)
    return answer(of_memory(found, now), rows) if rows else ""


def _memories(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "I remember nothing of that."
    return "I remember:\n" + "\n".join(f"  {row['content']}" for row in rows)
