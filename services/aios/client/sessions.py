"""Conversations that the service keeps: the list, one of them, and what was said in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aios.client import place
from aios.client.answer import Answer
from aios.client.output import Records
from aios.client.terminal import Terminal, seconds
from aios.client.typed import Lines
from aios.client.varlink import ERROR_PREFIX, ClientError
from aios.text import visible

CHOICE = 15
REPLAYED = 40
"""Entries of a conversation that are shown when it goes on."""


@dataclass(frozen=True)
class Kept:
    id: str
    machine: str
    title: str
    last_at: str
    """RFC 3339."""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Kept":
        fields = ("id", "machine", "title", "last_at")
        return cls(*(str(said.get(field, "")) for field in fields))

    @property
    def ago(self) -> str:
        try:
            last = datetime.fromisoformat(self.last_at)
        except ValueError:
            return self.last_at
        return f"{seconds(max((datetime.now(UTC) - last).total_seconds() * 1e6, 0))} ago"


def listed() -> list[dict[str, Any]]:
    """One's own, as the service has them; last used first."""
    return list(place.look_up("chat", f"{place.CHAT}.Sessions", {})["sessions"])


def find(name: str) -> Kept:
    """The session whose id is `name` or ends so; the last one used for "". Raises ClientError."""
    known = [Kept.of(one) for one in listed()]
    found = [one for one in known if one.id.endswith(name.upper())] if name else known[:1]
    if len(found) == 1:
        return found[0]
    if found:
        raise ClientError(ERROR_PREFIX + "NotFound", f"{name!r} is the end of several ids")
    what = f"no session {name!r} of yours" if name else "no session of yours to go on with"
    raise ClientError(ERROR_PREFIX + "NotFound", what, "aios sessions lists them")


def show(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    for one in map(Kept.of, found):
        terminal.line(f"{one.id}  {visible(one.title)}  ({one.machine}, {one.ago})")
    if not found:
        terminal.note("No conversations.")


def choose(terminal: Terminal, lines: Lines) -> Kept:
    """The one that the person names by its number. Raises ClientError, EOFError."""
    known = [Kept.of(one) for one in listed()[:CHOICE]]
    if not known:
        return find("")
    for number, one in enumerate(known, 1):
        terminal.line(f"{number:>3}  {visible(one.title)}  ({one.machine}, {one.ago})")
    while True:
        said = lines.edit("Go on with number: ").strip()
        if said.isascii() and said.isdigit() and 0 < int(said) <= len(known):
            return known[int(said) - 1]


def replay(terminal: Terminal, session: str, machine: str, records: Records | None) -> None:
    """The end of what was said in it, as it was shown."""
    said = place.look_up("chat", f"{place.CHAT}.Session.Log", {"object": session})["events"]
    if len(said) > REPLAYED:
        terminal.note(f"… {len(said) - REPLAYED} before")
    answer = Answer(terminal, machine, records)
    for event in said[-REPLAYED:]:
        answer.event(str(event["kind"]), event["data"])
    answer.close()
    terminal.fresh_line()
