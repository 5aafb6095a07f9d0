import pytest

from aios.memory.stem import stem
from aios.memory.words import asked, stems


@pytest.mark.parametrize(
    "forms",
    [
        "go goes going went gone",
        "buy buys buying bought",
        "adopt adopted adopting adoption",
        "paint painted paintings painting",
        "city cities",
        "child children kids",
        "happy happiness",
        "hop hopped hopping",
        "hike hiked hiking",
        "photo photos photographs pictures",
    ],
)
def test_forms_of_one_word_are_one(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("universe", "city"), ("hop", "hope"), ("sing", "sin"), ("news", "mews")]
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize("word", ["", "a", "x1", "été", "気", "no1"])
def test_what_is_no_english_word_stays(word: str) -> None:
    assert stem(word) == word


def test_texts_and_queries_meet() -> None:
    assert stems("Ann's caf\u00e9, I didn\u2019t PAY_for it") == [
        "ann",
        "cafe",
        "i",
        "didn",
        "pai",
        "for",
        "it",
    ]
    assert asked("What did Ann's caf\u00e9 cost?") == ["ann", "cafe", "cost"]
    assert stems("\u4eac\u90fd\u306e") == ["\u4eac\u90fd", "\u90fd\u306e", "\u306e"]
