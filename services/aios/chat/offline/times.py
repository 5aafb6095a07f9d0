"""Phrases of time. They are found in the sentence before its words are matched and
stay relative ("yesterday") until a question is asked at a certain moment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aios.chat.offline.sentence import Kind, Token

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_UNITS = {
    "second": timedelta(seconds=1), "sec": timedelta(seconds=1),
    "minute": timedelta(minutes=1), "min": timedelta(minutes=1),
    "hour": timedelta(hours=1), "hr": timedelta(hours=1),
    "day": timedelta(days=1), "week": timedelta(weeks=1),
    "month": timedelta(days=30), "year": timedelta(days=365),
}  # fmt: skip
_UNIT = "|".join(_UNITS)
_DAY = "|".join(name + "|" + name[:3] for name in _DAYS)
_MONTH = "|".join(name + "|" + name[:3] for name in _MONTHS)
_DATE = (
    rf"(?P<iso>\d{{4}}-\d\d-\d\d)"
    rf"|(?P<day1>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month1>{_MONTH})(?: (?P<year1>\d{{4}}))?"
    rf"|(?P<month2>{_MONTH}) (?:the )?(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?: (?P<year2>\d{{4}}))?"
)
_BEFORE = "from|on|in|for|over|during|within|of|at|about|around"
_NAMES = (
    "today|tonight|yesterday|day before yesterday"
    "|this morning|this afternoon|this evening|last night"
)
_PHRASE = re.compile(
    rf"(?:(?P<since>since|starting|beginning|after) |(?:{_BEFORE}) )?(?:the )?(?:"
    rf"(?P<name>{_NAMES})"
    rf"|(?:(?P<which>this|last|past|previous|current) )(?P<unit>{_UNIT})"
    rf"|(?:(?:last|past|previous) )(?P<count>\d+|few|couple of|couple) (?P<units>{_UNIT})s?"
    rf"|(?P<ago>\d+|an|a|one|half an|a few|few|a couple of) (?P<agounit>{_UNIT})s? (?:ago|back)"
    rf"|(?:last |this |past )?(?P<weekday>{_DAY})(?: (?P<part>morning|afternoon|evening|night))?"
    rf"|{_DATE}"
    rf"|(?P<clock>\d{{1,2}}:\d\d|\d{{1,2}} ?[ap]m|noon|midnight)"
    rf")(?: (?:until|till) now| onwards| so far)?(?= |$)"
)


@dataclass(frozen=True, slots=True)
class Window:
    since: datetime
    until: datetime
    label: str  # as it stands in an answer: "today", "since Tuesday"


@dataclass(frozen=True, slots=True)
class Period:
    phrase: str

    def resolve(self, now: datetime) -> Window:
        match = _PHRASE.fullmatch(self.phrase)
        if match is None:
            raise ValueError(f"not a phrase of time: {self.phrase}")
        since, until, label = _window({k: v for k, v in match.groupdict().items() if v}, now)
        if match["since"]:
            return Window(
                since,
                now,
                label if label.startswith("since ") else "since " + label.removeprefix("on "),
            )
        return Window(since, min(until, now), label)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _window(said: dict[str, str], now: datetime) -> tuple[datetime, datetime, str]:
    today = _midnight(now)
    day = timedelta(days=1)
    if name := said.get("name"):
        since, until = {
            "today": (today, now),
            "tonight": (today + timedelta(hours=18), now),
            "yesterday": (today - day, today),
            "day before yesterday": (today - 2 * day, today - day),
            "this morning": (today, today + timedelta(hours=12)),
            "this afternoon": (today + timedelta(hours=12), today + timedelta(hours=18)),
            "this evening": (today + timedelta(hours=17), now),
            "last night": (today - timedelta(hours=6), today + timedelta(hours=6)),
        }[name]
        return since, until, "the day before yesterday" if name.startswith("day") else name
    if unit := said.get("unit"):
        return _calendar(said["which"], unit, now)
    if units := said.get("units"):
        count = int(said["count"]) if said["count"].isdigit() else 3
        return now - count * _UNITS[units], now, f"in the last {count} {units}{'s' * (count != 1)}"
    if unit := said.get("agounit"):
        return _ago(said["ago"], unit, now)
    if weekday := said.get("weekday"):
        return _weekday(weekday, said.get("part", ""), now)
    if clock := said.get("clock"):
        since = _clock(clock, today)
        since = since if since <= now else since - day
        return since, now, "since " + since.strftime("%H:%M")
    return _date(said, now)


def _calendar(which: str, unit: str, now: datetime) -> tuple[datetime, datetime, str]:
    today = _midnight(now)
    starts = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    if which in ("this", "current"):
        return starts.get(unit, now - _UNITS[unit]), now, f"this {unit}"
    if which == "past" or unit not in ("week", "month", "year"):
        return now - _UNITS[unit], now, f"in the last {unit}"
    until = starts[unit]
    since = {
        "week": until - timedelta(days=7),
        "month": (until - timedelta(days=1)).replace(day=1),
        "year": (until - timedelta(days=1)).replace(month=1, day=1),
    }[unit]
    return since, until, f"last {unit}"


def _ago(count: str, unit: str, now: datetime) -> tuple[datetime, datetime, str]:
    number = int(count) if count.isdigit() else 3 if "few" in count or "couple" in count else 1
    step = _UNITS[unit]
    article = "half an" if "half" in count else "an" if unit == "hour" else "a"
    label = f"{article} {unit} ago" if number == 1 else f"{number} {unit}s ago"
    if step >= timedelta(days=1):
        start = _midnight(now) - number * step
        return start, start + max(step, timedelta(days=1)), label
    moment = now - (step / 2 if "half" in count else number * step)
    slack = max(timedelta(minutes=5), (now - moment) / 2)
    return moment - slack, moment + slack, label


def _weekday(name: str, part: str, now: datetime) -> tuple[datetime, datetime, str]:
    index = next(i for i, full in enumerate(_DAYS) if full.startswith(name))
    today = _midnight(now)
    start = today - timedelta(days=(today.weekday() - index) % 7 or 7)
    hours = {"morning": (0, 12), "afternoon": (12, 18), "evening": (17, 24), "night": (18, 30)}
    first, last = hours.get(part, (0, 24))
    label = f"on {_DAYS[index].capitalize()}{' ' + part if part else ''}"
    return start + timedelta(hours=first), start + timedelta(hours=last), label


def _clock(text: str, today: datetime) -> datetime:
    if text in ("noon", "midnight"):
        return today + timedelta(hours=12 if text == "noon" else 0)
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    hour = numbers[0] % 12 + 12 * text.endswith("pm") if text.endswith("m") else numbers[0] % 24
    return today + timedelta(hours=hour, minutes=numbers[1] if len(numbers) > 1 else 0)


def _date(said: dict[str, str], now: datetime) -> tuple[datetime, datetime, str]:
    today = _midnight(now)
    if iso := said.get("iso"):
        start = today.replace(year=int(iso[:4]), month=int(iso[5:7]), day=int(iso[8:]))
    else:
        which = "1" if "month1" in said else "2"
        month = next(
            i for i, full in enumerate(_MONTHS, 1) if full.startswith(said["month" + which])
        )
        year = int(said.get("year" + which, now.year))
        start = today.replace(year=year, month=month, day=int(said["day" + which]))
        if start > now and "year" + which not in said:
            start = start.replace(year=year - 1)
    return (
        start,
        start + timedelta(days=1),
        "on " + f"{start.day} {start:%B}" + (f" {start.year}" if start.year != now.year else ""),
    )


def find_periods(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens, with each phrase of time made one token."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token, length = _period_at(tokens, place)
        found.append(token)
        place += length
    return tuple(found)


def _period_at(tokens: Sequence[Token], place: int) -> tuple[Token, int]:
    words: list[str] = []
    for token in tokens[place : place + 8]:
        if token.kind not in (Kind.WORD, Kind.NUMBER, Kind.DATE, Kind.CLOCK):
            break
        words.append(token.text.lower())
    for length in range(len(words), 0, -1):
        phrase = " ".join(words[:length])
        if (match := _PHRASE.fullmatch(phrase)) and not _not_a_time(match, words[:length]):
            return Token(phrase, "<when>", Kind.PERIOD, Period(phrase)), length
    return tokens[place], 1


def _not_a_time(match: re.Match[str], words: list[str]) -> bool:
    # "sun", "may", "mar" are names and verbs before they are dates.
    short = match["weekday"] in ("sun", "sat", "mon", "wed", "fri", "thu", "tue")
    if words[0] == "in" and not (match["count"] or match["which"]):  # "who logged in today"
        return True
    if words[0] in ("on", "at", "about", "around") and match["name"]:
        return True
    return (short and len(words) == 1) or (match["clock"] is not None and match["since"] is None)
