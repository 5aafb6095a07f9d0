"""Words of the calendar and what they stand for, at a moment. Standard library only, pure."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

Spans = tuple[tuple[datetime, datetime], ...]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
UNITS = {
    "second": timedelta(seconds=1), "sec": timedelta(seconds=1),
    "minute": timedelta(minutes=1), "min": timedelta(minutes=1),
    "hour": timedelta(hours=1), "hr": timedelta(hours=1),
    "day": timedelta(days=1), "night": timedelta(days=1),
    "fortnight": timedelta(days=14), "week": timedelta(days=7),
    "month": timedelta(days=30), "quarter": timedelta(days=91), "year": timedelta(days=365),
}  # fmt: skip
UNIT = "|".join(UNITS)
WHOLE = ("day", "week", "month", "quarter", "year")
_NUMBERS = {
    "a few": 3, "few": 3, "a couple of": 2, "a couple": 2, "couple of": 2, "couple": 2,
    "several": 4, "half an": 0.5, "half a": 0.5, "an": 1, "a": 1, "one": 1, "two": 2,
    "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fourteen": 14, "fifteen": 15, "twenty": 20, "thirty": 30,
}  # fmt: skip
NUMBER = rf"\d{{1,4}}|{'|'.join(_NUMBERS)}"
PARTS = {
    "morning": (5, 12), "lunchtime": (11, 14), "lunch": (11, 14),
    "afternoon": (12, 18), "evening": (17, 24), "night": (18, 30),
}  # fmt: skip
EDGES = {
    "the beginning": (0.0, 0.34), "beginning": (0.0, 0.34), "the start": (0.0, 0.34),
    "start": (0.0, 0.34), "early": (0.0, 0.34), "the first half": (0.0, 0.5),
    "first half": (0.0, 0.5), "the middle": (0.33, 0.67), "middle": (0.33, 0.67),
    "mid": (0.33, 0.67), "the end": (0.66, 1.0), "end": (0.66, 1.0), "late": (0.66, 1.0),
    "the first week": (0.0, 7 / 31), "first week": (0.0, 7 / 31),
    "the second week": (7 / 31, 14 / 31), "second week": (7 / 31, 14 / 31),
    "the third week": (14 / 31, 21 / 31), "third week": (14 / 31, 21 / 31),
    "the last week of": (24 / 31, 1.0), "last week of": (24 / 31, 1.0),
    "the second half": (0.5, 1.0), "second half": (0.5, 1.0),
}  # fmt: skip
NAMES = (
    r"earlier today|later today|today|tonight|(?:the\s+)?(?:day|night) before yesterday|yesterday"
    r"|this morning|this afternoon|this evening|last night|last evening|(?:the\s+)?other day"
    r"|(?:the\s+)?other night|just now|a (?:moment|while|minute|second|sec) ago|moments ago"
    r"|(?:last|this|the|this past|past)\s+weekend|weekend|overnight|(?:the\s+)?small hours"
    r"|recently|lately|of late|these days"
)
LONG_DAY = "|".join(DAYS)
SHORT_DAY = "mon|tues|tue|weds|wed|thurs|thur|thu|fri|sat|sun"
MONTH = "|".join(name + "|" + name[:3] + r"\.?" for name in MONTHS) + r"|sept\.?"
_ORDINAL = r"(?:st|nd|rd|th)"
DATE = (
    r"(?P<iso>\d{4}[-/]\d\d?[-/]\d\d?)"
    rf"|(?P<day1>\d{{1,2}}){_ORDINAL}?(?: of)?[ -](?P<month1>{MONTH})(?:,?[ -](?P<year1>\d{{4}}))?"
    rf"|(?P<month2>{MONTH}) (?:the )?(?P<day2>\d{{1,2}}){_ORDINAL}?(?:,? (?P<year2>\d{{4}}))?"
    r"|(?P<first>\d{1,2})(?P<mark>[/.])(?P<second>\d{1,2})(?P=mark)(?P<year3>\d{4}|\d\d)"
    rf"|(?P<day4>\d{{1,2}}){_ORDINAL}"
)
CLEAR_CLOCK = r"\d{1,2}(?::\d\d)? ?[ap]\.?m\.?|\d{1,2} o'?clock"
CLOCK = rf"\d{{1,2}}:\d\d(?::\d\d)?|{CLEAR_CLOCK}|noon|midday|midnight"


def number(text: str) -> float:
    return int(text) if text.isdigit() else _NUMBERS[text]


def midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def calendar(unit: str, back: int, now: datetime) -> tuple[datetime, datetime]:
    """The whole week, month … that was `back` of them ago. Others than WHOLE: as long as it."""
    today = midnight(now)
    if unit == "week":
        since = today - timedelta(days=today.weekday() + 7 * back)
        return since, since + timedelta(days=7)
    if unit in ("month", "quarter", "year"):
        size = {"month": 1, "quarter": 3, "year": 12}[unit]
        months = today.year * 12 + today.month - 1
        first = (months // size - back) * size
        return _month_start(today, first), _month_start(today, first + size)
    if unit == "day":
        since = today - timedelta(days=back)
        return since, since + timedelta(days=1)
    return now - (back + 1) * UNITS[unit], now - back * UNITS[unit]


def _month_start(today: datetime, months: int) -> datetime:
    return today.replace(year=months // 12, month=months % 12 + 1, day=1)


def named(name: str, now: datetime) -> tuple[str, Spans, bool]:
    """(as it stands in an answer, spans, whether it is a whole day)"""
    today = midnight(now)
    day, hour = timedelta(days=1), timedelta(hours=1)
    name = re.sub(r"\s+", " ", name.removeprefix("the ").strip())
    if name in ("today", "earlier today", "later today"):
        return "today", ((today, today + day),), True
    if name == "yesterday":
        return name, ((today - day, today),), True
    if name == "day before yesterday":
        return "the day before yesterday", ((today - 2 * day, today - day),), True
    if name in ("lately", "of late", "these days"):
        name = "recently"
    if name.endswith("weekend"):
        return "at the weekend", _weekend(name, today), False
    if name in ("just now", "moments ago") or (name.startswith("a ") and "while" not in name):
        return "just now", ((now - hour / 4, now), (now - 2 * hour, now)), False
    spans: dict[str, Spans] = {
        "tonight": ((today + 17 * hour, today + 30 * hour),),
        "this morning": ((today, today + 12 * hour),),
        "this afternoon": ((today + 12 * hour, today + 18 * hour),),
        "this evening": ((today + 17 * hour, today + day),),
        "last night": (
            (today - 6 * hour, today + 6 * hour), (today - 7 * hour, today + 5 * hour),
            (today - day + 17 * hour, today + 8 * hour),
        ),
        "last evening": ((today - day + 17 * hour, today),),
        "overnight": ((today - 4 * hour, today + 8 * hour),),
        "small hours": ((today, today + 6 * hour),),
        "night before yesterday": ((today - day - 6 * hour, today - day + 6 * hour),),
        "other day": ((today - 4 * day, today - day), (today - 7 * day, today)),
        "other night": ((today - 7 * day, today),),
        "recently": ((today - 7 * day, now), (today - 30 * day, now)),
        "a while ago": ((now - 30 * day, now),),
    }  # fmt: skip
    return ("the " + name if "other" in name else name), spans[name], False


def _weekend(name: str, today: datetime) -> Spans:
    saturday = today - timedelta(days=(today.weekday() - 5) % 7)
    two, week = timedelta(days=2), timedelta(days=7)
    recent = saturday, saturday + two
    before = saturday - week, saturday - week + two
    if today.weekday() >= 5:  # it is that time now
        return (before, recent) if name.startswith("last") else (recent, before)
    return recent, before


def weekday(name: str, which: str, now: datetime) -> Spans:
    index = next(i for i, full in enumerate(DAYS) if full.startswith(name[:3]))
    today = midnight(now)
    back = (today.weekday() - index) % 7
    week, day = timedelta(days=7), timedelta(days=1)
    recent = today - timedelta(days=back or 7)
    if which == "this" and back == 0:
        recent = today
    spans = [(recent, recent + day)]
    if which == "" and back == 0:
        spans.append((today, today + day))
    if which in ("last", "previous") and 0 < back <= today.weekday():
        # In this week, or in the last one? People differ.
        spans.append((recent - week, recent - week + day))
    return tuple(spans)


def month(name: str, year: str | None, which: str, now: datetime) -> Spans:
    index = next(i for i, full in enumerate(MONTHS, 1) if full.startswith(name[:3]))
    today = midnight(now)
    chosen = int(year) if year else now.year - (index > now.month)
    months = chosen * 12 + index - 1
    spans = [(_month_start(today, months), _month_start(today, months + 1))]
    if which in ("last", "previous") and index == now.month:
        spans.insert(0, (_month_start(today, months - 12), _month_start(today, months - 11)))
    return tuple(spans)


def date(said: dict[str, str], now: datetime) -> Spans:
    """Raises ValueError for a day that no month has."""
    today = midnight(now)
    day = timedelta(days=1)
    if iso := said.get("iso"):
        year, month_, day_ = (int(part) for part in re.split("[-/]", iso))
        found = [today.replace(year=year, month=month_, day=day_)]
    elif "first" in said:
        found = _numeric(said, today)
    elif "day4" in said:
        start = today.replace(day=1)
        while True:
            try:
                candidate = start.replace(day=int(said["day4"]))
            except ValueError:
                if not 1 <= int(said["day4"]) <= 31:
                    raise
            else:
                if candidate <= now:
                    break
            start = (start - day).replace(day=1)
        found = [candidate]
    else:
        which = "1" if "month1" in said else "2"
        name = said["month" + which]
        index = next(i for i, full in enumerate(MONTHS, 1) if full.startswith(name[:3]))
        year = int(said.get("year" + which, now.year))
        if "year" + which not in said and (index, int(said["day" + which])) > (now.month, now.day):
            year -= 1
        found = [today.replace(year=year, month=index, day=int(said["day" + which]))]
    return tuple((start, start + day) for start in found)


def _numeric(said: dict[str, str], today: datetime) -> list[datetime]:
    """3/4/2026 is 3 April, or 4 March; 3.4.2026 is 3 April."""
    first, second, year = int(said["first"]), int(said["second"]), int(said["year3"])
    year += 2000 if year < 100 else 0
    found = []
    orders = [(first, second), (second, first)] if said["mark"] == "/" else [(first, second)]
    for day_, month_ in orders:
        try:
            found.append(today.replace(year=year, month=month_, day=day_))
        except ValueError:
            continue
    if not found:
        raise ValueError("no such day")
    return list(dict.fromkeys(found))


def clock(text: str, now: datetime) -> datetime:
    """The last time it was that late."""
    today = midnight(now)
    if text in ("noon", "midday", "midnight"):
        moment = today + timedelta(hours=0 if text == "midnight" else 12)
    else:
        numbers = [int(digits) for digits in re.findall(r"\d+", text)]
        afternoon = "p" in text
        hour = numbers[0] % 12 + 12 * afternoon if re.search("[ap]", text) else numbers[0]
        minute = numbers[1] if len(numbers) > 1 else 0
        if hour > 24 or minute > 59:
            raise ValueError("no such time")
        moment = today + timedelta(hours=hour, minutes=minute)
    return moment if moment <= now else moment - timedelta(days=1)


# Japanese: no spaces, so patterns match wherever they stand.

_KANJI = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_COUNT = r"(\d+|[一二三四五六七八九十]|数)"
_JAPANESE_UNITS = {
    "秒": "second", "分": "minute", "時間": "hour", "日": "day", "週間": "week", "週": "week",
    "ヶ月": "month", "か月": "month", "カ月": "month", "ケ月": "month", "月": "month", "年": "year",
}  # fmt: skip
_JAPANESE_UNIT = "(ヶ月|か月|カ月|ケ月|週間|時間|秒|分|日|週|年)"
_JAPANESE_DAYS = "月火水木金土日"
JAPANESE_PARTS = {
    "朝": (5, 12), "午前": (0, 12), "昼": (11, 14), "午後": (12, 24), "夕方": (15, 19),
    "夜": (18, 30), "晩": (18, 30),
}  # fmt: skip
JAPANESE_PART = re.compile(r"の?(朝|午前|昼|午後|夕方|夜|晩)")
_JAPANESE_NAMES = {
    "今日": "today", "本日": "today", "きょう": "today", "昨日": "yesterday", "きのう": "yesterday",
    "一昨日": "day before yesterday", "おととい": "day before yesterday", "今朝": "this morning",
    "けさ": "this morning", "昨夜": "last night", "昨晩": "last night", "ゆうべ": "last night",
    "今夜": "tonight", "さっき": "just now", "先ほど": "just now", "先日": "other day",
    "この間": "other day", "週末": "weekend", "先週末": "last weekend",
}  # fmt: skip


def _japanese_count(text: str) -> int:
    return int(text) if text.isdigit() else _KANJI.get(text, 3)


def _japanese_ago(match: re.Match[str], now: datetime) -> tuple[str, Spans]:
    count, unit = _japanese_count(match[1]), _JAPANESE_UNITS[match[2]]
    moment = now - count * UNITS[unit]
    if unit == "day":
        since = midnight(moment)
        return match[0], ((since, since + timedelta(days=1)),)
    if unit in WHOLE:
        day = midnight(moment)
        return match[0], ((day, day + timedelta(days=1)), calendar(unit, count, now))
    slack = max(timedelta(minutes=5), (now - moment) / 2)
    return match[0], ((moment - slack, moment + slack),)


def _japanese_rolling(match: re.Match[str], now: datetime) -> tuple[str, Spans]:
    count, unit = _japanese_count(match[1]), _JAPANESE_UNITS[match[2]]
    since = now - count * UNITS[unit]
    return match[0], ((since, now), (midnight(since), now))


def _japanese_weekday(match: re.Match[str], now: datetime) -> tuple[str, Spans]:
    index = _JAPANESE_DAYS.index(match[2])
    if match[1]:
        since = calendar("week", {"今週": 0, "先週": 1, "先々週": 2}[match[1]], now)[0]
        since += timedelta(days=index)
        return match[0], ((since, since + timedelta(days=1)),)
    return match[0], weekday(DAYS[index], "", now)


def _japanese_date(match: re.Match[str], now: datetime) -> tuple[str, Spans]:
    name = MONTHS[int(match[2]) - 1]
    if match[3]:
        said = {"month1": name, "day1": match[3]} | ({"year1": match[1]} if match[1] else {})
        return match[0], date(said, now)
    return match[0], month(name, match[1], "", now)


def _japanese_name(match: re.Match[str], now: datetime) -> tuple[str, Spans]:
    return match[0], named(_JAPANESE_NAMES[match[0]], now)[1]


def _japanese_whole(match: re.Match[str], now: datetime) -> tuple[str, Spans]:
    back = {"今": 0, "先々": 2, "先": 1, "昨": 1, "去": 1, "一昨": 2}[match[1]]
    unit = _JAPANESE_UNITS[match[2]]
    since, until = calendar(unit, back, now)
    return match[0], ((since, now if back == 0 else until),)


JAPANESE: tuple[
    tuple[re.Pattern[str], Callable[[re.Match[str], datetime], tuple[str, Spans]]], ...
] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        ("|".join(sorted(_JAPANESE_NAMES, key=len, reverse=True)), _japanese_name),
        ("(今|先々|先)(週|月)", _japanese_whole),
        ("(今|昨|去|一昨)(年)", _japanese_whole),
        (rf"{_COUNT}{_JAPANESE_UNIT}(?:ほど|くらい)?前", _japanese_ago),
        (rf"(?:過去|ここ|この|直近){_COUNT}{_JAPANESE_UNIT}間?", _japanese_rolling),
        (r"(?:(今週|先週|先々週)の?)?([月火水木金土日])曜日?", _japanese_weekday),
        (r"(?:(\d{4})年)?(\d{1,2})月(?:(\d{1,2})日)?", _japanese_date),
    )
)
