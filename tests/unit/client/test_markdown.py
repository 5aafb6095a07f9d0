"""Markdown in pieces of any size comes out the same, and nothing of the text is lost."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aios.client.markdown import Markdown, columns


def shown(text: str, *, size: int = 10**6, width: int = 60, coloured: bool = True) -> str:
    written: list[str] = []

    def write(piece: str, style: str) -> None:
        # Adjacent pieces of one style are one.
        if style and written and written[-1].endswith(f"</{style}>"):
            written[-1] = written[-1].removesuffix(f"</{style}>") + f"{piece}</{style}>"
        else:
            written.append(f"<{style}>{piece}</{style}>" if style else piece)

    markdown = Markdown(write, lambda: width, coloured=coloured)
    for place in range(0, len(text), size):
        markdown.feed(text[place : place + size])
    markdown.close()
    return "".join(written)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain\n"),
        ("a **b** c", "a <bold>b</bold> c\n"),
        ("*e*, `x y`.", "<italic>e</italic>, <cyan>x</cyan> <cyan>y</cyan>.\n"),
        ("snake_case_name, 2 * 3 * 4, rm *.x *.y", "snake_case_name, 2 * 3 * 4, rm *.x *.y\n"),
        ("not **closed and `neither", "not **closed and `neither\n"),
        (r"\*not\* so", "*not* so\n"),
        ("## Head ##", "<bold>Head</bold>\n"),
        ("- a\n- b", "• a\n• b\n"),
        ("  2. two", "  2. two\n"),
        ("> q", "<dim>│ </dim>q\n"),
        ("```sh\n  ls **x**\n```\nafter", "<cyan>      ls **x**</cyan>\nafter\n"),
        ("a\n\n\n\nb", "a\n\nb\n"),
        ("[here](https://x.y)", "here <dim>(https://x.y)</dim>\n"),
        ("---", "<dim>" + "─" * 40 + "</dim>\n"),
        ("|a|b|\n|-|-|\n|longer|c|\nx", "<bold>a       b</bold>\nlonger  c\nx\n"),
    ],
)  # fmt: skip
def test_shown(text: str, wanted: str) -> None:
    assert shown(text) == wanted


def test_rows_end_where_the_terminal_does() -> None:
    text = "- " + "word " * 40 + "\n\n" + "日本語の文章" * 20
    rows = shown(text, width=30).rstrip("\n").split("\n")
    assert all(columns(row) <= 30 for row in rows)
    assert all(row.startswith("  ") for row in rows[1:7])
    assert "".join(rows[8:]) == "日本語の文章" * 20


def test_words_come_before_their_line_ends() -> None:
    written: list[str] = []
    markdown = Markdown(lambda piece, _: written.append(piece), lambda: 80, coloured=True)
    markdown.feed("It is the disk, and **not")
    assert "".join(written) == "It is the disk,"
    markdown.feed("** more ")
    assert "".join(written) == "It is the disk, and not"


@given(
    st.text(alphabet="ab *_`#->|[]()\\\n1.日", max_size=120),
    st.integers(min_value=1, max_value=9),
)
def test_pieces_of_any_size(text: str, size: int) -> None:
    whole, parts = shown(text), shown(text, size=size)
    assert parts == whole


@given(st.text(max_size=200), st.integers(min_value=1, max_value=50))
def test_nothing_is_lost(text: str, size: int) -> None:
    # Of code only its language is not shown.
    assume("```" not in text and "~~~" not in text)
    written: list[str] = []
    markdown = Markdown(lambda piece, _: written.append(piece), lambda: 20, coloured=True)
    for place in range(0, len(text), size):
        markdown.feed(text[place : place + size])
    markdown.close()
    said = "".join(written)
    assert [each for each in said if each.isalnum()] == [each for each in text if each.isalnum()]
