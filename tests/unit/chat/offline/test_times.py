from datetime import datetime, timedelta, timezone

import pytest

from aios.chat.offline.sentence import Kind, tokenise
from aios.chat.offline.times import Period, find_periods

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=timezone(timedelta(hours=9)))  # a Friday


@pytest.mark.parametrize(
    ("phrase", "since", "until", "label"),
    [
        ("today", "11-20 00:00", "11-20 14:30", "today"),
        ("yesterday", "11-19 00:00", "11-20 00:00", "yesterday"),
        ("the day before yesterday", "11-18 00:00", "11-19 00:00", "the day before yesterday"),
        ("this morning", "11-20 00:00", "11-20 12:00", "this morning"),
        ("last night", "11-19 18:00", "11-20 06:00", "last night"),
        ("this week", "11-16 00:00", "11-20 14:30", "this week"),
        ("last week", "11-09 00:00", "11-16 00:00", "last week"),
        ("last month", "10-01 00:00", "11-01 00:00", "last month"),
        ("in the last 2 hours", "11-20 12:30", "11-20 14:30", "in the last 2 hours"),
        ("the past hour", "11-20 13:30", "11-20 14:30", "in the last hour"),
        ("2 days ago", "11-18 00:00", "11-19 00:00", "2 days ago"),
        ("an hour ago", "11-20 13:00", "11-20 14:00", "an hour ago"),
        ("since tuesday", "11-17 00:00", "11-20 14:30", "since Tuesday"),
        ("on monday", "11-16 00:00", "11-17 00:00", "on Monday"),
        ("on friday", "11-13 00:00", "11-14 00:00", "on Friday"),
        ("on 3 march", "03-03 00:00", "03-04 00:00", "on 3 March"),
        ("on march 3rd", "03-03 00:00", "03-04 00:00", "on 3 March"),
        ("since yesterday", "11-19 00:00", "11-20 14:30", "since yesterday"),
        ("since 9am", "11-20 09:00", "11-20 14:30", "since 09:00"),
        ("on 2026-10-05", "10-05 00:00", "10-06 00:00", "on 5 October"),
    ],
)
def test_windows(phrase: str, since: str, until: str, label: str) -> None:
    window = Period(phrase).resolve(NOW)
    assert f"{window.since:%m-%d %H:%M}" == since
    assert f"{window.until:%m-%d %H:%M}" == until
    assert window.label == label
    assert window.since.tzinfo is NOW.tzinfo


def test_a_date_ahead_is_last_years() -> None:
    assert Period("on 24 december").resolve(NOW).since.year == 2025


def test_no_such_day() -> None:
    tokens = find_periods(tokenise("on 31 february").tokens)
    assert all(token.kind is not Kind.PERIOD for token in tokens)
    with pytest.raises(ValueError, match="phrase of time"):
        Period("on 31 february").resolve(NOW)


@pytest.mark.parametrize(
    ("sentence", "periods"),
    [
        ("what did i do in the last 2 days", ["in the last 2 days"]),
        ("who logged in today", ["today"]),
        ("show the last 50 lines", []),
        ("may i see the mar file", []),
        ("files changed since monday in /etc", ["since monday"]),
    ],
)
def test_found_in_sentences(sentence: str, periods: list[str]) -> None:
    tokens = find_periods(tokenise(sentence).tokens)
    assert [token.text for token in tokens if token.kind is Kind.PERIOD] == periods
