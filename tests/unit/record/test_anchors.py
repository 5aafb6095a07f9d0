import os
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from aios.record import anchors
from aios.record.anchors import Anchor


def test_the_last_one_and_all(tmp_path: Path) -> None:
    assert anchors.last(tmp_path) is None and anchors.read(tmp_path) == []
    written = [Anchor(number * 256, f"{number:064}", number) for number in range(1, 200)]
    for anchor in written:
        anchors.append(tmp_path, anchor)
    assert anchors.read(tmp_path) == written
    assert anchors.last(tmp_path) == written[-1]
    assert stat.S_IMODE((tmp_path / anchors.NAME).stat().st_mode) == 0o600


def test_what_a_power_loss_left_is_passed_over(tmp_path: Path) -> None:
    anchors.append(tmp_path, Anchor(1, "a" * 64, 1))
    with (tmp_path / anchors.NAME).open("a") as file:
        file.write('{"sequence": 2, "ha\0\0\0')
    anchors.append(tmp_path, Anchor(3, "c" * 64, 3))
    assert [anchor.sequence for anchor in anchors.read(tmp_path)] == [1, 3]
    assert anchors.last(tmp_path) == Anchor(3, "c" * 64, 3)


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synchronized: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synchronized.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    for number in range(1, 4000):
        anchors.append(tmp_path, Anchor(number, "a" * 64, number))
    assert (tmp_path / anchors.NAME).stat().st_size <= anchors.MAX_BYTES
    assert stat.S_IMODE((tmp_path / anchors.NAME).stat().st_mode) == 0o600
    # A power loss leaves all of them, or half of the older ones: never an empty file.
    assert set(synchronized) == {f".{anchors.NAME}.new", tmp_path.name}
    kept = [anchor.sequence for anchor in anchors.read(tmp_path)]
    assert kept[0] == 1 and kept[-1] == 3999
    assert all(after - before <= 16 for before, after in pairwise(kept))


def test_the_head(tmp_path: Path) -> None:
    assert anchors.head(tmp_path) is None
    for text in ("", "{", "[]", '{"sequence": 0, "hash": "0"}', '{"sequence": "x", "hash": "0"}'):
        (tmp_path / anchors.HEAD).write_text(text)
        assert anchors.head(tmp_path) is None
    (tmp_path / anchors.HEAD).write_text('{"sequence": 7, "hash": "h", "boot": "b"}')
    assert anchors.head(tmp_path) == Anchor(7, "h", 0)
