"""Expressions of time that stand alone: "tuesday", "3 march", "two days ago", "at noon". Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aios.memory import calendar_words as words
from aios.memory.calendar_words import NUMBER, UNIT, UNITS, number

DAY = timedelta(days=1)
END = r"(?![A-Za-z0-9_-])"


@dataclass(frozen=True, slots=True)
class Atom:
    """One expression. `kind`: day, span, weekday, part (of any day), clock (of any day), moment (a
    time on its day: the spans are about it)."""

    kind: str
    spans: tuple[tuple[datetime, datetime], ...]
    label: str

    @property
    def since(self) -> datetime:
        return self.spans[0][0]

    @property
    def until(self) -> datetime:
        return self.spans[0][1]

    @property
    def point(self) -> datetime | None:
        middle = self.since + (self.until - self.since) / 2
        return middle if self.kind in ("clock", "moment") else None


Maker = Callable[[re.Match[str], datetime], Atom | None]


def _rolling(match: re.Match[str], now: datetime) -> Atom:
    count, unit = number(match["count"]), match["units"]
    step = UNITS[unit]
    exact = now - count * step, now
    spans = [exact]
    if step >= DAY:
        spans.append((words.midnight(now - count * step), now))
    return Atom("span", tuple(spans), f"in the last {count:g} {unit}{'s' * (count != 1)}")


def _ago(match: re.Match[str], now: datetime) -> Atom:
    said, unit = match["ago"], match["agounit"]
    count = number(said)
    step = UNITS[unit]
    article = "half an" if "half" in said else "an" if unit == "hour" else "a"
    label = f"{article} {unit} ago" if count <= 1 else f"{count:g} {unit}s ago"
    moment = now - count * step
    if step < DAY:
        slack = max(timedelta(minutes=5), (now - moment) / 2)
        spans = [(moment - slack, moment + slack), (moment - 2 * slack, moment + 2 * slack)]
        return Atom("moment", (*spans, (moment - 3 * slack, now)), label)
    day = words.midnight(moment)
    spans = [(day, day + DAY), (moment - step / 2, moment + step / 2)]
    vague = any(word in said for word in ("few", "couple", "several"))
    if vague:
        near = words.midnight(now - (count - 1) * step)
        spans = [(words.midnight(now - (count + 2) * step), near + DAY)]
    if unit in ("week", "month", "year"):
        whole_unit = words.calendar(unit, round(count), now)
        spans = [*([] if vague else [(day - DAY, day + 2 * DAY)]), *spans, whole_unit]
        if not vague:
            spans = [spans[1], spans[0], *spans[2:]]
    return Atom(
        "day" if unit == "day" and not vague else "span", tuple(dict.fromkeys(spans)), label
    )


def _this(match: re.Match[str], now: datetime) -> Atom:
    which, unit = match["which"], match["unit"]
    if which in ("this", "current"):
        since = words.calendar(unit, 0, now)[0] if unit in words.WHOLE else now - UNITS[unit]
        return Atom("span", ((since, now),), f"this {unit}")
    rolling = now - UNITS[unit], now
    if which == "past" or unit not in words.WHOLE:
        spans = [rolling]
        if unit in words.WHOLE:
            spans.append(words.calendar(unit, 1, now))
        return Atom("span", tuple(spans), f"in the last {unit}")
    since, until = words.calendar(unit, 1, now)
    spans = [(since, until)]
    if unit == "week":
        spans.append((since - DAY, until - DAY))  # for whom weeks begin on Sunday
    return Atom("span", (*spans, rolling), f"last {unit}")


def _before_last(match: re.Match[str], now: datetime) -> Atom:
    unit = match["unit2"]
    return Atom("span", (words.calendar(unit, 2, now),), f"the {unit} before last")


def _named(match: re.Match[str], now: datetime) -> Atom:
    label, spans, is_day = words.named(match["name"], now)
    return Atom("day" if is_day else "span", spans, label)


def _weekday(match: re.Match[str], now: datetime) -> Atom:
    spans = words.weekday(match["weekday"], match["which"] or "", now)
    return Atom("weekday", spans, f"on {spans[0][0]:%A}")


def _month(match: re.Match[str], now: datetime) -> Atom:
    spans = words.month(match["month"], match["year"], match["which"] or "", now)
    since = spans[0][0]
    return Atom("span", spans, f"in {since:%B}" + (f" {since.year}" if match["year"] else ""))


def _year(match: re.Match[str], now: datetime) -> Atom:
    since = words.midnight(now).replace(year=int(match[1]), month=1, day=1)
    return Atom("span", ((since, since.replace(year=since.year + 1)),), f"in {since.year}")


def _date(match: re.Match[str], now: datetime) -> Atom:
    spans = words.date({k: v for k, v in match.groupdict().items() if v}, now)
    since = spans[0][0]
    year = f" {since.year}" if since.year != now.year else ""
    return Atom("day", spans, f"on {since.day} {since:%B}{year}")


def _part(match: re.Match[str], now: datetime) -> Atom:
    first, last = words.PARTS[match["part"]]
    today = words.midnight(now)
    span = today + timedelta(hours=first), today + timedelta(hours=last)
    return Atom("part", (span,), match["part"])


def _clock(match: re.Match[str], now: datetime) -> Atom:
    moment = words.clock(match["clock"], now)
    slack = timedelta(minutes=30)
    spans = ((moment - slack, moment + slack), (moment - 4 * slack, moment + 4 * slack))
    return Atom("clock", spans, f"at {moment:%H:%M}")


_WHICH = r"(?:(?P<which>this past|this|last|past|previous|the last)\s+)?"
_ATOMS: tuple[tuple[re.Pattern[str], bool, Maker], ...] = tuple(
    (re.compile(pattern + END), needs_name, make)
    for pattern, needs_name, make in (
        (rf"(?P<name>{words.NAMES})", False, _named),
        (rf"(?:the\s+)?(?:last|past|previous)\s+(?P<count>{NUMBER})\s+(?P<units>{UNIT})s?", False,
         _rolling),
        (rf"(?P<ago>half an?|{NUMBER})\s+(?P<agounit>{UNIT})s?\s+(?:ago|back|before|earlier)",
         False, _ago),
        (rf"(?:the\s+)?(?P<which>this|last|past|previous|current)\s+(?P<unit>{UNIT})",
         False, _this),
        (rf"(?:the\s+)?(?P<unit2>{UNIT})\s+before\s+last", False, _before_last),
        (rf"{_WHICH}(?P<weekday>{words.LONG_DAY})s?", False, _weekday),
        (rf"{_WHICH}(?P<weekday>{words.SHORT_DAY})", True, _weekday),
        (rf"(?:{words.DATE})", False, _date),
        (rf"{_WHICH}(?P<month>{words.MONTH})(?:,?\s+(?:of\s+)?(?P<year>\d{{4}}))?", True, _month),
        (rf"(?P<which>last|this|past)\s+(?P<month>{words.MONTH})(?P<year>(?!))?", False, _month),
        (rf"(?P<which>(?!))?(?P<month>{words.MONTH})\s+(?P<year>\d{{4}})", False, _month),
        (r"(20\d\d)", True, _year),
        (rf"(?P<clock>{words.CLOCK})", True, _clock),
        (rf"(?:early |late )?(?P<part>{'|'.join(words.PARTS)})s?", True, _part),
        (rf"(?P<clock>{words.CLEAR_CLOCK})", False, _clock),
    )
)  # fmt: skip


def atom_at(text: str, place: int, now: datetime, *, named: bool) -> tuple[Atom, int] | None:
    best: tuple[Atom, int] | None = None
    for pattern, needs_name, make in _ATOMS:
        if needs_name and not named:
            continue
        match = pattern.match(text, place)
        if match is None or (best is not None and match.end() <= best[1]):
            continue
        try:
            atom = make(match, now)
        except (ValueError, OverflowError):
            continue  # 31 February
        if atom is not None:
            best = atom, match.end()
    return best
