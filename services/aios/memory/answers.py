"""The commands that a question is about, best first. Standard library only.

Every condition of the question is one of SQL's; words are names first (machines, packages, units,
files that commands had), and text where they are none. Where nothing fulfils all conditions, the
least telling one is dropped, and so on: text, outcome, machine, action, names. The window is never
dropped while anything in it fits; what a phrase can also mean ("last week": the last seven days)
comes after what it means first.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Any

from aios.memory import questions
from aios.memory.history import OK, shown
from aios.memory.questions import Order, Outcome, Question
from aios.memory.when import Span
from aios.memory.words import spread, terms

POOL = 20_000
"""Of the newest commands with a tag or a word, that a question without a window looks at."""
CANDIDATES = 200
INSIDE = 200
"""Of a directory's files, those that a question about it looks for."""
_HOST = ".host"
_ALIASES = {
    "web server": "nginx apache2 httpd caddy lighttpd", "webserver": "nginx apache2 httpd caddy",
    "apache": "apache2 httpd", "postgres": "postgresql psql postgres", "postgresql": "postgres",
    "mail": "postfix exim4 dovecot sendmail", "ssh": "sshd openssh-server openssh-client",
    "sshd": "ssh openssh-server", "firewall": "ufw nftables firewalld iptables",
    "mysql": "mariadb mysql-server", "redis": "redis-server", "cron": "cron crond crontab",
    "docker": "docker.io docker-ce", "node": "nodejs", "vim": "nvim neovim",
    "python": "python3 pip pip3",
    "dns": "bind9 named unbound dnsmasq systemd-resolved", "k8s": "kubectl kubernetes",
    "kubernetes": "kubectl k8s", "editor": "vim nano emacs", "compiler": "gcc clang",
    "ntp": "chrony systemd-timesyncd ntpd", "network manager": "NetworkManager nmcli",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose commands; None is everybody's."""

    user: str | None = None
    uid: int | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    row: dict[str, Any]
    exact: bool
    """It fulfils all that was asked for."""
    score: float


@dataclass(frozen=True, slots=True)
class _Found:
    row: sqlite3.Row
    level: int
    """How many conditions had been dropped."""
    fit: float


@dataclass(frozen=True, slots=True)
class _Condition:
    sql: str
    values: tuple[Any, ...]
    weight: float
    """What is dropped first has least."""


def answer(
    connection: sqlite3.Connection, question: Question, limit: int, whose: Whose | None = None
) -> list[Answer]:
    """Best first; those that are not `exact` only fill up to `limit`."""
    question, names, unknown = _resolved(connection, question)
    always = _whose(whose or Whose())
    conditions = _conditions(connection, question, names)
    found: dict[str, _Found] = {}
    spans: list[Span | None] = list(question.window.spans) if question.window else [None]
    # "Did I install emacs?" where nothing was ever called so: what is like it is no answer.
    level = int(unknown and (question.one or question.did))
    while True:
        for span in spans:
            _look(connection, question, [*always, *conditions], span, found, names, level)
        if len(found) >= limit:
            break
        level += 1
        if conditions:
            conditions.remove(min(conditions, key=lambda one: one.weight))
        elif question.window and spans != [None]:
            conditions = _conditions(connection, question, names)
            spans = [None]
        else:
            break
    best = list(found.values())[:limit]
    rows = shown(connection, [one.row for one in best], question.tags)
    return [
        Answer(row, one.level == 0, _score(one, place))
        for place, (one, row) in enumerate(zip(best, rows, strict=False))
    ]


def _score(one: "_Found", place: int) -> float:
    fulfilled = 1.0 if one.level == 0 else 0.5 / one.level
    return round(fulfilled * (0.9 + 0.1 * one.fit) / (1 + place / 1000), 4)


def exact(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    return [one.row for one in answers if one.exact]


def by_text(connection: sqlite3.Connection, query: str, limit: int) -> list[Answer]:
    """For what is no question: by words alone."""
    return answer(connection, Question(query, terms=tuple(terms(query))), limit)


def _resolved(
    connection: sqlite3.Connection, question: Question
) -> tuple[Question, dict[str, tuple[str, ...]], bool]:
    """Places that are machines are its `places`; terms that nothing is called or says are gone.
    With it, the names of entities that a term stands for, and whether a term was gone."""
    machines = _machines(connection)
    places = [machine for place in question.places for machine in _named_machine(place, machines)]
    left = [term for term in question.terms if term.removesuffix("'s") not in machines]
    left = [
        term for term in left if term not in question.places or not _named_machine(term, machines)
    ]
    if not places:
        places = [
            machines[term.removesuffix("'s")]
            for term in question.terms
            if term.removesuffix("'s") in machines
        ]
    names: dict[str, tuple[str, ...]] = {}
    kept = []
    for term in left:
        term = term.removesuffix("'s")
        entities = _entities(connection, term)
        if entities:
            names[term] = entities
            kept.append(term)
        elif _is_said(connection, term):
            kept.append(term)
    known = replace(question, places=tuple(dict.fromkeys(places)), terms=tuple(kept))
    return known, names, len(kept) < len(left)


def _machines(connection: sqlite3.Connection) -> dict[str, str]:
    """Known machines by their names in lower case; each found by one step in the index."""
    rows = connection.execute(
        "WITH RECURSIVE each(name) AS (SELECT min(machine) FROM commands UNION ALL"
        " SELECT (SELECT min(machine) FROM commands WHERE machine > name) FROM each"
        " WHERE name IS NOT NULL) SELECT name FROM each WHERE name IS NOT NULL LIMIT 1000"
    )
    return {str(name).lower(): str(name) for (name,) in rows}


def read(
    connection: sqlite3.Connection,
    query: str,
    now: datetime,
    zone: tzinfo,
    *,
    sure: bool = False,
) -> Question | None:
    """`questions.read`, with the machines and programs that are known here."""
    machines = _machines(connection)
    found = questions.read(query, now, zone, sure=sure, machines=machines)
    if found is not None or not machines:
        return found
    found = questions.read(query, now, zone, sure=True, machines=machines)
    if found is None or not any(
        _is_program(connection, one) for one in (*found.programs, *found.terms)
    ):
        return None
    in_time = found.window is not None and not _resolved(connection, found)[2]
    return found if in_time or any(_is_program(connection, one) for one in found.programs) else None


def _named_machine(place: str, machines: dict[str, str]) -> list[str]:
    place = place.removesuffix("'s")
    if place == _HOST:
        return [machines[name] for name in (_HOST, "host", "localhost", "") if name in machines][:1]
    if place in machines:
        return [machines[place]]
    near = [name for low, name in machines.items() if place in low.split("-")]
    return near if len(near) == 1 and len(place) > 2 else []


def _entities(connection: sqlite3.Connection, term: str) -> tuple[str, ...]:
    wanted = [term, *_ALIASES.get(term, "").split()]
    if term.endswith(".service"):
        wanted.append(term.removesuffix(".service"))
    if term.endswith("s") and len(term) > 3:
        wanted.append(term[:-1])
    if "/" in term:
        # What is in a directory, too: "0" comes after "/".
        inside = term.rstrip("/") + "/", term.rstrip("/") + "0"
        rows = connection.execute(
            "SELECT DISTINCT name FROM command_entities WHERE kind <> 'program' AND (name = ?"
            " OR (name >= ? AND name < ?)) LIMIT ?",
            (term, *inside, INSIDE),
        )
        return tuple(str(name) for (name,) in rows)
    found = [
        name
        for name in wanted
        if connection.execute(
            "SELECT 1 FROM command_entities WHERE name = ? AND kind <> 'program' LIMIT 1", (name,)
        ).fetchone()
    ]
    return tuple(found)


def _is_said(connection: sqlite3.Connection, term: str) -> bool:
    return (
        connection.execute(
            "SELECT 1 FROM command_words WHERE command_words MATCH ? LIMIT 1", (_fts(term),)
        ).fetchone()
        is not None
    )


def _fts(term: str) -> str:
    """An FTS5 query for a term and what else it is called."""
    called = [term, *_ALIASES.get(term, "").split()]
    parts = [f'"{part}"' for word in called if (part := spread(word).replace('"', " ").strip())]
    if term.isalnum() and len(term) > 4:
        parts[0] += "*"
    return " OR ".join(parts) or '""'


def _whose(whose: Whose) -> list[_Condition]:
    found = [_Condition("coalesce(c.purpose, '') <> 'probe'", (), 0)]
    for column, value in (("user", whose.user), ("uid", whose.uid), ("session", whose.session)):
        if value is not None:
            found.append(_Condition(f"c.{column} = ?", (value,), 0))
    return found


def _conditions(
    connection: sqlite3.Connection, question: Question, names: dict[str, tuple[str, ...]]
) -> list[_Condition]:
    found = []
    for term in question.terms:
        text = (
            "c.id IN (SELECT i.id FROM command_words JOIN command_index AS i"  # noqa: S608
            " ON i.number = command_words.rowid WHERE command_words MATCH ?"
            f" ORDER BY command_words.rowid DESC LIMIT {POOL})"
        )
        if (term in question.programs or term not in names) and _is_program(connection, term):
            found.append(_by_program(term, text, named=term in question.programs))
            continue
        entities = names.get(term, ())
        if entities:
            marks = ", ".join("?" * len(entities))
            sql = (
                "(c.id IN (SELECT command_id FROM command_entities"  # noqa: S608 - question marks
                f" WHERE name IN ({marks})"
                f" {_within()} ORDER BY started_at DESC LIMIT {POOL}) OR {text})"
            )
            values = (*entities, *_SPAN, _fts(term))
            if "/" in term:
                # A path's words are in every command under the same directory: slow, and no more.
                sql, values = sql.removesuffix(f" OR {text})") + ")", values[:-1]
            found.append(_Condition(sql, values, 9 + _telling(term) / 100))
        else:
            weight = 3 if any(mark in term for mark in "/._-") or term.isdigit() else 1
            found.append(_Condition(text, (_fts(term),), weight + _telling(term) / 100))
    if question.places:
        marks = ", ".join("?" * len(question.places))
        found.append(_Condition(f"c.machine IN ({marks})", question.places, 6))
    if question.exit_status is not None:
        found.append(_Condition("c.exit_status = ?", (question.exit_status,), 8))
    elif question.outcome is Outcome.OK:
        found.append(_Condition(f"({OK})", (), 4))
    elif question.outcome is Outcome.FAILED:
        found.append(_Condition(f"NOT ({OK})", (), 5))
    elif question.outcome is Outcome.DENIED:
        found.append(_Condition("c.decision IN ('deny', 'denied', 'refused', 'rejected')", (), 5))
    if question.tags:
        tags = " OR ".join("action GLOB ?" if "*" in t else "action = ?" for t in question.tags)
        sql = (
            "c.id IN (SELECT command_id FROM command_actions"  # noqa: S608 - question marks
            f" WHERE ({tags}) {_within()}"
            f" ORDER BY started_at DESC LIMIT {POOL})"
        )
        found.append(_Condition(sql, (*question.tags, *_SPAN), 7))
    return found


def _is_program(connection: sqlite3.Connection, term: str) -> bool:
    return (
        connection.execute(
            "SELECT 1 FROM command_entities WHERE name = ? AND kind = 'program' LIMIT 1", (term,)
        ).fetchone()
        is not None
    )


def _by_program(term: str, text: str, *, named: bool) -> _Condition:
    """`named`: "did I rsync", not what else is called so."""
    sql = (
        "c.id IN (SELECT command_id FROM command_entities"  # noqa: S608 - no value in it
        f" WHERE name = ? AND kind = 'program' {_within()}"
        f" ORDER BY started_at DESC LIMIT {POOL})"
    )
    if named:
        return _Condition(sql, (term, *_SPAN), 9)
    return _Condition(f"({sql} OR {text})", (term, *_SPAN, _fts(term)), 6.5)


_SPAN = (object(), object())
"""Stand for the span's ends in a condition's values."""


def _within() -> str:
    return "AND started_at >= ? AND started_at < ?"


def _telling(term: str) -> int:
    return min(len(term), 20)


def _look(
    connection: sqlite3.Connection,
    question: Question,
    conditions: list[_Condition],
    span: Span | None,
    found: dict[str, _Found],
    names: dict[str, tuple[str, ...]],
    level: int,
) -> None:
    """Adds to `found` what fulfils the conditions in the span and is not there."""
    since, until = _moments(span)
    values: list[Any] = [since, until]
    for condition in conditions:
        for value in condition.values:
            values.append(since if value is _SPAN[0] else until if value is _SPAN[1] else value)
    order = {
        Order.NEWEST: "c.started_at DESC, c.id DESC",
        Order.OLDEST: "c.started_at, c.id",
        Order.LONGEST: "c.duration_usec DESC NULLS LAST, c.started_at DESC",
    }[question.order]
    rows = connection.execute(
        "SELECT c.* FROM commands AS c WHERE c.started_at >= ? AND c.started_at < ?"  # noqa: S608
        + "".join(f" AND {condition.sql}" for condition in conditions)
        + f" ORDER BY {order} LIMIT {CANDIDATES}",
        values,
    ).fetchall()
    ranked = [
        (_fit(question, names, row), place, row)
        for place, row in enumerate(rows)
        if row["id"] not in found
    ]
    if not question.one:
        ranked.sort(key=lambda one: (-one[0], one[1]))
    for fit, _, row in ranked:
        found[row["id"]] = _Found(row, level, fit)


def _moments(span: Span | None) -> tuple[str, str]:
    since, until = span or (None, None)
    return _stored(since, "0000"), _stored(until, "9999")


def _stored(moment: datetime | None, else_: str) -> str:
    return else_ if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def _fit(question: Question, names: dict[str, tuple[str, ...]], row: sqlite3.Row) -> float:
    """0..1: how many of the names are what it was for, and whether what was asked for is that."""
    objects = {str(name).lower() for name in json.loads(row["objects"])} if names else set()
    hits = sum(bool(objects & set(entities)) for entities in names.values())
    meant = next(
        (place for place, tag in enumerate(question.tags) if fnmatchcase(row["action"], tag)),
        len(question.tags),
    )
    return 0.7 * hits / (len(names) or 1) + 0.3 * (1 - meant / (len(question.tags) or 1))
