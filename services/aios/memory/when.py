"""Phrases of time in a question, as windows. Standard library only, pure.

A phrase can mean more than one thing: last week is Monday to Sunday, or the last seven days. So a
window has several spans, the likeliest first; `find` gives the phrase's place too, for what is left
of the question is about something else.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from aios.memory import calendar_words as words
from aios.memory.expressions import DAY, END, Atom, atom_at

Span = tuple[datetime | None, datetime | None]
"""since ≤ time < until; None: open."""

_JAPANESE_SINCE = re.compile(r"(?:から|以降|以来)(?:\s*まで)?")
_JAPANESE_UNTIL = re.compile(r"まで")
_JAPANESE_BEFORE = re.compile(r"より前|以前")
_JAPANESE_REST = re.compile(r"の?(?:間|中)?[にはの、]*")
_LEAD = re.compile(
    r"(?:(?:(?:some ?time|some time|at some point|starting|dated|back|only|just|as|all|ever|later"
    r"|right)\s+)*(?P<named>on|in|at|during|over|for|from|within|around|about|throughout|circa)\s+)?"
    r"(?:the\s+|that\s+)?"
)
_JOINT = re.compile(
    r",?\s*(?:(?:at|in|on|of|during|around|about|from|sometime|some time)\s+)*(?:the\s+)?"
)
_OPEN = re.compile(
    rf"(since|after|before|until|till|up to|prior to|by|starting|from){END}\s+(?:the\s+(?=\d))?"
)
_PAIR = re.compile(r"(?:(?:some ?time|anything|anywhere)\s+)?(between|from)\s+(?:the\s+)?")
_AND = re.compile(r"\s*(?:and|to|until|till|through|[-\u2013\u2014])\s*(?:the\s+|on\s+)?")
_EDGE = re.compile(rf"({'|'.join(words.EDGES)})(?:\s+of|\s+in)?[\s-]+(?:the\s+)?")
_OF = re.compile(r"\b(?:of|in|early|late|mid)\b")
_ONWARDS = re.compile(
    r"(?:,?\s+(?:(?:until|till|up to|to) (?:now|today)|onwards?|so far|on(?! here)|and later"
    rf"|and after)){END}"
)


@dataclass(frozen=True, slots=True)
class Window:
    spans: tuple[Span, ...]
    label: str
    """As it stands in an answer: "today", "since Tuesday"."""

    @property
    def since(self) -> datetime | None:
        return self.spans[0][0]

    @property
    def until(self) -> datetime | None:
        return self.spans[0][1]


@dataclass(frozen=True, slots=True)
class Phrase:
    window: Window
    start: int
    end: int


_BARE_PAIR = re.compile(
    r"\b(between|from) (\d\d?)( (?:and|to|till|until) )(\d\d?)"
    rf"(?! ?[ap]\.?m|[\d:./-]|(?:st|nd|rd|th)\b| (?:of )?(?:{words.MONTH})\b)"
)
_BARE = re.compile(
    r"\b(before|after|since|until) (\d\d?) (this (?:morning|afternoon|evening)|today|yesterday)\b"
)
_AFTER_DAY = re.compile(
    r"\b(yesterday|today|last night|this (?:morning|afternoon|evening))"
    r" ((?:between|from) \d\d?:\d\d (?:and|to|till|until) \d\d?:\d\d|(?:after|before|since|until)"
    rf" (?:{words.CLOCK}))(?![\w:])"
)


def with_minutes(text: str) -> str:
    """Hours that can only be hours, as a clock shows them, and before their day: "yesterday between
    10 and 12" is "between 10:00 and 12:00 yesterday"."""
    text = _BARE_PAIR.sub(r"\1 \2:00\3\4:00", text)
    text = _BARE.sub(_of_day, text)
    return _AFTER_DAY.sub(r"\2 \1", text)


def _of_day(match: re.Match[str]) -> str:
    """Before 3 this afternoon is before 15:00 today."""
    hour = int(match[2])
    late = "noon" in match[3] or "evening" in match[3]
    day = "today" if match[3].startswith("this") else match[3]
    return f"{match[1]} {hour + 12 if late and hour < 12 else hour}:00 {day}"


def find(text: str, now: datetime) -> Phrase | None:
    """The longest phrase of time in `text` (lower case); of equals the first."""
    found: list[Phrase] = []
    place = 0
    while place < len(text):
        if place == 0 or not (text[place - 1].isalnum() or text[place - 1] in "-_/."):
            phrase = _at(text, place, now)
            if phrase is not None:
                found.append(phrase)
                place = phrase.end
                continue
        place += 1
    if not found:
        return None
    return max(found, key=lambda phrase: (phrase.end - phrase.start, -phrase.start))


def whole(text: str, now: datetime) -> Window | None:
    """The window, if all of `text` is one phrase of time."""
    phrase = _at(text, 0, now)
    return phrase.window if phrase is not None and phrase.end == len(text) else None


def _at(text: str, place: int, now: datetime) -> Phrase | None:
    for read in (_pair, _open, _plain, _japanese):
        if (phrase := read(text, place, now)) is not None:
            return phrase
    return None


def _pair(text: str, place: int, now: datetime) -> Phrase | None:
    """Between A and B; from A to B."""
    match = _PAIR.match(text, place)
    start = match.end() if match else place
    first = _expression(text, start, now, named=match is not None)
    if first is None:
        return None
    between = _AND.match(text, first[1])
    if between is None or (match is None and between[0].strip() in ("and", "")):
        return None
    second = _expression(text, between.end(), now, named=True)
    if second is None:
        return None
    one, two, end = first[0], second[0], second[1]
    if (
        one.kind == "clock" and two.kind == "clock"
        and (day := _expression(text, _joint(text, end), now, named=True))
        and day[0].kind in ("day", "weekday")
    ):  # fmt: skip
        moved = _daily(one, day[0]), _daily(two, day[0])
        return Phrase(_range(*moved, now), place, day[1])
    return Phrase(_range(one, two, now), place, end)


def _range(one: Atom, two: Atom, now: datetime) -> Window:
    ends = [two.point] if two.point else [span[1] for span in two.spans]
    starts = [one.point] if one.point else [span[0] for span in one.spans]
    # "between Monday and Wednesday": that Wednesday, and the Monday before it.
    step = {"weekday": 7 * DAY, "clock": DAY}.get(one.kind)
    spans: list[Span] = []
    for until in sorted(ends, reverse=two.kind == "weekday"):
        since = starts[0]
        while step is not None and since >= until:
            since -= step
        while step is not None and two.kind == one.kind and since + step < until:
            since += step
        spans.append((min(since, until), max(since, until)))
    return Window(tuple(dict.fromkeys(spans)), f"from {_bare(one)} to {_bare(two)}")


def _open(text: str, place: int, now: datetime) -> Phrase | None:
    """Since, after, before, until something."""
    match = _OPEN.match(text, place)
    if match is None:
        return None
    found = _expression(text, match.end(), now, named=True)
    if found is None:
        return None
    atom, end = found
    word = match[1]
    label = _bare(atom)
    if word in ("from", "starting", "by"):
        on = _ONWARDS.match(text, end)
        if word == "from" and on is None:
            return None
        end = on.end() if on else end
        word = "until" if word == "by" else "since"
    elif tail := _ONWARDS.match(text, end):
        end = tail.end()
    spans: tuple[Span, ...]
    point = atom.point
    if word == "since":
        spans = ((point or atom.since, now),)
    elif word == "after":
        spans = ((point, now),) if point else ((atom.until, now), (atom.since, now))
    elif word in ("before", "prior to"):
        spans = ((None, point or atom.since),)
    else:
        spans = ((None, point),) if point else ((None, atom.until), (None, atom.since))
    return Phrase(Window(spans, f"{word} {label}"), place, end)


def _plain(text: str, place: int, now: datetime) -> Phrase | None:
    lead = _LEAD.match(text, place)
    start = lead.end() if lead else place
    named = lead is not None and lead["named"] is not None
    found = _expression(text, start, now, named=named)
    if found is None:
        return None
    atom, end = found
    if atom.kind == "part":
        return None
    if not named and atom.kind == "clock" and not text[start:end].endswith(("am", "pm", "m.")):
        return None
    spans: tuple[Span, ...] = tuple(
        (since, min(until, now) if since < now < until else until) for since, until in atom.spans
    )
    if tail := re.match(r"\s+(?:onwards?|and later)" + END, text[end:]):
        end, spans = end + tail.end(), ((atom.since, now),)
    return Phrase(Window(spans, atom.label), place, end)


def _bare(atom: Atom) -> str:
    return re.sub(r"^(?:on|in|at|around) ", "", atom.label)


def _joint(text: str, place: int) -> int:
    match = _JOINT.match(text, place)
    return match.end() if match else place


def _expression(text: str, place: int, now: datetime, *, named: bool) -> tuple[Atom, int] | None:
    """An atom, and what narrows it: a part of the day, a time, a week; "early" or "the end of"."""
    if (edge := _EDGE.match(text, place)) and (found := atom_at(text, edge.end(), now, named=True)):
        atom, end = found
        first, last = words.EDGES[edge[1]]
        if found[0].kind in ("day", "weekday") and not _OF.search(edge[0]):
            return None  # "stop and start yesterday"
        length = atom.until - atom.since
        span = atom.since + first * length, atom.since + last * length
        return Atom("span", (span, *atom.spans), f"{edge[1]} {atom.label}"), end
    found = atom_at(text, place, now, named=named)
    if found is None:
        return None
    atom, end = found
    for _ in range(2):
        if end < len(text) and text[end] not in " ,'\u2019":
            break
        start = _joint(text, end + 2 if text[end : end + 2] in ("'s", "\u2019s") else end)
        more = atom_at(text, start, now, named=True)
        if more is None or (joined := _joined(atom, more[0])) is None:
            break
        atom, end = joined, more[1]
    return atom, end


def _joined(one: Atom, two: Atom) -> Atom | None:
    """Tuesday morning, yesterday at three, Monday of last week; either may come first."""
    if one.kind in ("part", "clock") and two.kind in ("day", "weekday"):
        one, two = two, one
    if one.kind in ("day", "weekday") and two.kind in ("part", "clock"):
        return _daily(two, one)
    if "span" in (one.kind, two.kind) and "weekday" in (one.kind, two.kind):
        day, week = (one, two) if one.kind == "weekday" else (two, one)
        if week.until - week.since > 8 * DAY:
            return None
        since = week.since + timedelta(days=(day.since.weekday() - week.since.weekday()) % 7)
        return Atom("day", ((since, since + DAY),), f"{day.label} {week.label}")
    return None


def _daily(time: Atom, day: Atom) -> Atom:
    """The part of a day or time, on that day."""
    spans = []
    for midnight, _ in day.spans:
        for since, until in time.spans[:1] if len(day.spans) > 1 else time.spans:
            offset = since - words.midnight(since)
            spans.append((midnight + offset, midnight + offset + (until - since)))
    kind = "moment" if time.kind == "clock" else "day"
    return Atom(kind, tuple(spans), f"{day.label} {time.label}")


def _japanese(text: str, place: int, now: datetime) -> Phrase | None:
    found: tuple[Atom, int] | None = None
    for pattern, make in words.JAPANESE:
        match = pattern.match(text, place)
        if match and (found is None or match.end() > found[1]):
            try:
                label, spans = make(match, now)
            except (ValueError, OverflowError):
                continue
            found = Atom("day", spans, label), match.end()
    if found is None:
        return None
    atom, end = found
    part = words.JAPANESE_PART.match(text, end)
    if part and part.end() > end:
        first, last = words.JAPANESE_PARTS[part[1]]
        since = atom.since
        hours = ((since + timedelta(hours=first), since + timedelta(hours=last)),)
        atom, end = Atom("day", hours, atom.label + part[1]), part.end()
    if tail := _JAPANESE_SINCE.match(text, end):
        return Phrase(Window(((atom.since, now),), f"{atom.label}から"), place, tail.end())
    if tail := _JAPANESE_UNTIL.match(text, end):
        return Phrase(Window(((None, atom.until),), f"{atom.label}まで"), place, tail.end())
    if tail := _JAPANESE_BEFORE.match(text, end):
        return Phrase(Window(((None, atom.since),), f"{atom.label}より前"), place, tail.end())
    tail = _JAPANESE_REST.match(text, end)
    return Phrase(Window(atom.spans, atom.label), place, tail.end() if tail else end)
