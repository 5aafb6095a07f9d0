"""The journal's export format, as journalctl writes it, in whatever pieces it comes."""

import os
from collections.abc import Sequence

import pytest

from aios.record import stream


def written(fields: Sequence[tuple[str, bytes]]) -> bytes:
    parts = []
    for name, value in fields:
        if value.isascii() and value.decode().isprintable():
            parts.append(b"%s=%s\n" % (name.encode(), value))
        else:
            parts.append(b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value))
    return b"".join([*parts, b"\n"])


RECORDS = [
    written([("A", b"1"), ("B", b"x=y"), ("C", b"")]),
    written([("A", b"2"), ("B", b"two\n\nA=9\nlines")]),
    written([("A", b"ten bytes\n"), ("B", b"\n" * 10), ("C", b"\xff")]),
    written([("A", b"4"), ("B", b"once"), ("B", b""), ("B", b"twice")]),
    written([("A", "é".encode()), ("B", b"z" * 200_000)]),
]
READ = [
    {"A": "1", "B": "x=y", "C": ""},
    {"A": "2", "B": "two\n\nA=9\nlines"},
    {"A": "ten bytes\n", "B": "\n" * 10, "C": "\ufffd"},
    {"A": "4", "B": ""},
    {"A": "é", "B": "z" * 200_000},
]


def read(data: bytes) -> list[dict[str, str]]:
    with os.fdopen(os.memfd_create("export"), "r+b") as file:
        file.write(data)
        file.seek(0)
        return list(stream.records(file.fileno()))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 16])
def test_what_is_text_and_what_is_not(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    few = RECORDS if size > 100 else RECORDS[:-1]
    monkeypatch.setattr(stream, "SIZE", size)
    assert read(b"".join(few)) == READ[: len(few)]


def test_what_has_no_end_is_no_record() -> None:
    for whole, last in zip(RECORDS[1:4], READ[1:4], strict=True):
        for cut in range(len(whole)):
            assert read(RECORDS[0] + whole[:cut]) == READ[:1], cut
        assert read(RECORDS[0] + whole) == [READ[0], last]
