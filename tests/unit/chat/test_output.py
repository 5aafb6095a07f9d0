"""What a model is shown of what a command printed: its ends, and no secret in them, wherever the
pieces and the cuts fall."""

import pytest

from aios.chat.output import LAST, Printed
from aios.redact import MARGIN

ENDS = 600
TOKEN = "ghp_" + "a1B2" * 9
KEY = "-----BEGIN PRIVATE KEY-----\n" + "QkFTRTY0\n" * 1500 + "-----END PRIVATE KEY-----"
FILL = "word\n"


def shown(text: str, piece: int = 1 << 16) -> str:
    printed = Printed(ENDS)
    for start in range(0, len(text), piece):
        printed.feed(text[start : start + piece])
    return printed.for_model("; elsewhere")


def test_pieces_are_put_together() -> None:
    assert TOKEN[:8] not in shown(f"token {TOKEN} here", piece=7)
    text = FILL * 200
    assert shown(text, piece=13) == text.rstrip()


@pytest.mark.parametrize("length", [4 * ENDS, 40 * MARGIN])
def test_no_cut_shows_part_of_a_secret(length: int) -> None:
    """At both cuts, for each place that a secret can have there."""
    for place in range(-len(TOKEN) - 2, 3):
        for cut in (ENDS, ENDS + MARGIN, length - ENDS, length - ENDS - MARGIN, length - LAST):
            start = max(cut + place, 0)
            text = (FILL * length)[:start] + f" {TOKEN} " + (FILL * length)[: length - start]
            said = shown(text)
            assert "a1B2a1" not in said and "B2a1B" not in said
            assert len(said) < 2 * ENDS + 100 and "characters left out; elsewhere" in said


@pytest.mark.parametrize("place", [0, ENDS - 40, 3 * MARGIN, 20 * MARGIN - 8000, 20 * MARGIN])
def test_nor_part_of_a_long_key(place: int) -> None:
    text = (FILL * 20 * MARGIN)[:place] + KEY + (FILL * 20 * MARGIN)[: 20 * MARGIN - place]
    assert "QkFTRTY0" not in shown(text)


def test_what_is_left_out_is_counted() -> None:
    said = shown("x" * 100_000)
    assert f"[… {100_000 - 2 * ENDS} characters left out; elsewhere …]" in said
