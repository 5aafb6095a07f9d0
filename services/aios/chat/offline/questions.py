"""Questions to memory: how the rows that answer one are put into words, naming them as evidence.

Which rows these are is memory's to say (aios.memory.questions): here is only what kind of answer
the sentence wants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from aios.chat.offline.proposal import Context
from aios.chat.offline.values import Value
from aios.memory import questions as memory

Row = Mapping[str, Any]


class QuestionKind(StrEnum):
    WHAT = "what"  # what was done
    WHEN = "when"  # when it was done the last time
    DID = "did"  # whether it was done
    COUNT = "count"
    LAST = "last"  # the session's last commands
    REMEMBER = "remember"  # keep `text`
    RECALL = "recall"  # search memories for `text`; "" is all of them


@dataclass(frozen=True, slots=True)
class Question:
    kind: QuestionKind
    now: datetime
    intent: str = ""
    since: datetime | None = None
    period: str = ""  # the window in words
    action: str = "any"  # a tag of history, a glob of tags, "any", or "change"
    outcome: str = "any"  # any, ok, failed
    objects: tuple[str, ...] = ()  # any of them
    name: str = ""  # the objects as the person called them
    limit: int = 10
    text: str = ""

    @property
    def of_session(self) -> bool:
        return self.kind is QuestionKind.LAST and self.since is None


def ask(
    intent: str,
    data: Mapping[str, str],
    values: Mapping[str, Value],
    context: Context,
    *,
    name: str = "",
) -> Question:
    since = None
    period = ""
    if (when := values.get("when")) and when.period is not None:
        window = when.period.resolve(context.now)
        since, period = window.since, window.label
    about = next((values[name] for name in ("packages", "units") if name in values), None)
    limit = values["count"].items[0] if "count" in values else data.get("limit", "10")
    return Question(
        kind=QuestionKind(data["kind"]),
        now=context.now,
        intent=intent,
        since=since,
        period=period,
        action=data.get("action", "any"),
        outcome=data.get("outcome", "any"),
        objects=about.items if about else (),
        name=name,
        limit=min(int(limit), 100),
        text=_only(values, "text"),
    )


def _only(values: Mapping[str, Value], name: str) -> str:
    return values[name].items[0] if name in values else ""


def of_memory(asked: memory.Question, now: datetime) -> Question:
    """For a question that no phrase here fits."""
    kind = QuestionKind.WHAT
    if asked.counts:
        kind = QuestionKind.COUNT
    elif asked.one:
        kind = QuestionKind.WHEN
    elif asked.did and asked.terms:
        kind = QuestionKind.DID
    return Question(
        kind=kind,
        now=now,
        intent="memory",
        since=asked.window.since if asked.window else None,
        period=asked.window.label if asked.window else "",
        action=asked.tags[0] if asked.tags else "any",
        outcome=asked.outcome or "any",
        name=" and ".join(term for term in asked.terms if term not in asked.places),
    )


def answer(question: Question, rows: Sequence[Row]) -> str:
    """One answer from the rows that memory gave, in any order."""
    named = set(question.objects)
    found = sorted(
        (row for row in rows if not named or named & set(row.get("objects") or ())),
        key=lambda row: _moment(row, question),
    )
    match question.kind:
        case QuestionKind.LAST:
            return _last(question, found)
        case QuestionKind.COUNT:
            return _count(question, found)
        case QuestionKind.DID:
            return _did(question, found)
        case QuestionKind.WHEN:
            return _when(question, found)
        case _:
            return _what(question, found)


def _last(question: Question, rows: Sequence[Row]) -> str:
    rows = rows[-question.limit :]
    if not rows:
        return "Nothing was run in this session yet."
    if question.limit == 1:
        row = rows[-1]
        return f"You just ran `{_line(row)}` ({_evidence(question, row)})."
    return f"The last {_number(len(rows), 'command')}:\n" + _list(question, rows)


def _what(question: Question, rows: Sequence[Row]) -> str:
    verb = _verb(question.action)
    if not rows:
        what = " that failed" if question.outcome == "failed" else ""
        return _sentence(question, f"you {verb} nothing{what}") + " (as far as history goes)."
    if question.action in ("any", "change") or not all(row.get("objects") for row in rows):
        shown = rows[-question.limit :]
        done = "changed things with" if question.action == "change" else "ran"
        failed = " that failed" if question.outcome == "failed" else ""
        head = _sentence(question, f"you {done} {_number(len(rows), 'command')}{failed}")
        more = f", the last {len(shown)} of them" if len(shown) < len(rows) else ""
        return f"{head}{more}:\n" + _list(question, shown)
    good = [row for row in rows if row.get("exit_status") == 0]
    bad = [row for row in rows if row.get("exit_status") != 0]
    said = []
    if good:
        said.append(_sentence(question, f"you {verb} {_things(question, good)}"))
    if bad:
        tried = f"it did not work for {_things(question, bad)}"
        said.append(tried if good else _sentence(question, f"you {verb} nothing; {tried}"))
    return "; ".join(said) + "."


def _count(question: Question, rows: Sequence[Row]) -> str:
    verb = _verb(question.action)
    if question.action in ("any", "change"):
        return _sentence(question, f"you ran {_number(len(rows), 'command')}") + "."
    good = [row for row in rows if row.get("exit_status") == 0]
    names = list(dict.fromkeys(str(name) for row in good for name in row.get("objects") or ()))
    if not names:
        return _sentence(question, f"you {verb} nothing") + " (as far as history goes)."
    number = f"{len(names)}: {_and(names)}"
    return _sentence(question, f"you {verb} {number} ({_number(len(good), 'command')})") + "."


def _did(question: Question, rows: Sequence[Row]) -> str:
    name = question.name or "that"
    good = [row for row in rows if row.get("exit_status") == 0]
    verb = _verb(question.action)
    if good:
        return f"Yes, you {verb} {name} ({_evidence(question, good[-1])})."
    if rows:
        return f"It was tried, but did not work: {name} ({_evidence(question, rows[-1])})."
    period = f" {question.period}" if question.period else ""
    return f"No: history has no command that {verb} {name}{period}."


def _when(question: Question, rows: Sequence[Row]) -> str:
    verb = _verb(question.action)
    name = question.name
    if not rows:
        return f"Never, as far as history goes: no command that {verb} {name or 'anything'}."
    row = ([row for row in rows if row.get("exit_status") == 0] or rows)[-1]
    moment = _moment(row, question)
    what = name or _and([str(name) for name in row.get("objects") or ()]) or f"`{_line(row)}`"
    day = f"{moment:%A}, {moment.day} {moment:%B %Y}"
    return f"You {verb} {what} on {day} at {moment:%H:%M} ({_evidence(question, row)})."


def _things(question: Question, rows: Sequence[Row]) -> str:
    return _and(
        [f"{_and([str(o) for o in row['objects']])} ({_evidence(question, row)})" for row in rows]
    )


def _sentence(question: Question, text: str) -> str:
    period = question.period
    return f"{period[0].upper()}{period[1:]} {text}" if period else text[0].upper() + text[1:]


def _list(question: Question, rows: Sequence[Row]) -> str:
    return "\n".join(f"  {_line(row)}  ({_evidence(question, row)})" for row in rows)


def _evidence(question: Question, row: Row) -> str:
    moment = _moment(row, question)
    if moment.date() == question.now.date():
        clock = f"{moment:%H:%M}"
    elif moment.year == question.now.year:
        clock = f"{moment.day} {moment:%b %H:%M}"
    else:
        clock = f"{moment:%Y-%m-%d %H:%M}"
    status = row.get("exit_status")
    ended = (
        f"exit {status}"
        if isinstance(status, int) and status >= 0
        else str(row.get("ended") or "not run")
    )
    return f"{row.get('machine') or 'host'}, {clock}, {ended}"


def _line(row: Row) -> str:
    # A command may have any bytes; an answer is one line for each.
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(row["command"])
    )


def _moment(row: Row, question: Question) -> datetime:
    moment = datetime.fromisoformat(str(row["started_at"]))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=question.now.tzinfo)
    return moment.astimezone(question.now.tzinfo)


def _verb(action: str) -> str:
    verbs = {
        "install": "installed", "remove": "removed", "upgrade": "upgraded",
        "service-start": "started", "service-stop": "stopped", "service-restart": "restarted",
        "service-enable": "enabled", "service-disable": "disabled",
    }  # fmt: skip
    return verbs.get(action, "ran")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _and(names: Sequence[str]) -> str:
    return (
        names[0]
        if len(names) == 1
        else ", ".join(names[:-1]) + " and " + names[-1]
        if names
        else ""
    )
