"""What Tab offers at the prompt."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from aios.client import machines, place, sessions, slash
from aios.client.answer import SHORT
from aios.client.session import Session
from aios.client.varlink import ClientError

MACHINES = Path("/var/lib/machines")
MOST = 200


def candidates(line: str, session: Session) -> list[str]:
    """Words that the last one of `line` may go on as."""
    word = "" if line[-1:].isspace() else line.split()[-1] if line.split() else ""
    if line.startswith("!"):
        bare = word.removeprefix("!") if line.lstrip("!") == word.lstrip("!") else word
        return [word[: len(word) - len(bare)] + name for name in _files(bare, session)]
    if not line.startswith("/"):
        return _starting(word, _machines(session)) if word else []
    name, blank, _ = line.partition(" ")
    if not blank:
        return _starting(word, [f"/{known}" for known in slash.COMMANDS])
    if name == "/machine":
        return _starting(word, _machines(session))
    if name == "/sessions":
        with suppress(ClientError):
            return _starting(word, [str(one["id"]) for one in sessions.listed()])
    if name == "/log":
        return _starting(word, [one.id[-SHORT:] for one in session.records or () if one.id])
    return []


def _machines(session: Session) -> list[str]:
    return [session.machine] if place.in_machine() else machines.governed()


def _starting(word: str, known: Iterable[str]) -> list[str]:
    return [one for one in known if one.startswith(word)][:MOST]


def _files(word: str, session: Session) -> list[str]:
    """Paths in the session's machine, where they can be seen from here."""
    if place.in_machine() or session.machine == machines.HOST:
        root = Path("/")
    else:
        root = MACHINES / session.machine
    directory, _, start = word.rpartition("/")
    if not word.startswith("/") and root != Path("/"):
        return []  # a machine's commands begin in a directory that only it knows
    where = root / directory.lstrip("/") if word.startswith("/") else Path(directory or ".")
    found: list[str] = []
    with suppress(OSError), os.scandir(where) as entries:
        for entry in entries:
            if not entry.name.startswith(start) or (entry.name.startswith(".") and not start):
                continue
            path = f"{directory}/{entry.name}" if "/" in word else entry.name
            with suppress(OSError):
                found.append(path + ("/" if entry.is_dir() else ""))
    return sorted(found)[:MOST]
