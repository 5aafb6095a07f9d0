"""Texts as long as they may be, of one thing again and again: nothing that reads every command and
every memory takes longer than its length says. (64 KiB of one letter once took 20 s of everybody's
memory, 64 KiB of line ends a minute.)"""

import time
from collections.abc import Callable

import pytest

from aios.memory import history, preferences
from aios.redact import redact

SIZE = 60_000
SECONDS = 5.0
"""A hundred times what each takes on a machine of one's own."""
SHAPES = ["y", "1", "\n", "\t", " ", "'", '"', "`", "$(", "(", "\\", "a ", "; ", "|", "<", "<<E ",
          "a=", "a/", "-a ", "--x=", "a@b:", "x://", "a.", "é", "i prefer ", "token "]  # fmt: skip


def tag(text: str) -> None:
    history.tagged(history.command_in(text))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("read", [redact, tag, preferences.stated])
def test_a_long_line_is_read_in_time(read: Callable[[str], object], shape: str) -> None:
    text = f"echo {shape * (SIZE // len(shape.encode()))}"
    before = time.thread_time()
    read(text)
    assert time.thread_time() - before < SECONDS
