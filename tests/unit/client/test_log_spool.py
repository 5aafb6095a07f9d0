"""Commands the other way round: few in memory, many in a file."""

from pathlib import Path

import pytest

from aios.client import log_spool
from aios.client.log_rows import Command


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25])
def test_the_last_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: int) -> None:
    monkeypatch.setattr(log_spool, "FEW", 10)
    monkeypatch.setattr(log_spool, "DIRECTORY", str(tmp_path))
    commands = [
        Command(f"{number:026}", {"command": "é\n" * number, "uid": 7}, [{"event": "requested"}])
        for number in range(count)
    ]
    assert list(log_spool.turned(iter(commands))) == commands[::-1]
    assert list(tmp_path.iterdir()) == []


def test_few_need_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_spool, "DIRECTORY", "/nowhere")
    few = [Command("A"), Command("B")]
    assert list(log_spool.turned(few)) == few[::-1]
    with pytest.raises(OSError, match="nowhere"):
        list(log_spool.turned([Command("C")] * (log_spool.FEW + 1)))
