"""The streams of a job as somebody gets them: three descriptors."""

import os

from aios.exec.live import Live
from aios.exec.replay import Replay
from aios.exec.streams import Spooled
from aios.exec.terminal import Terminal

Ends = tuple[int, int, int]
"""stdin, stdout, stderr."""


def attach(live: Live) -> Ends:
    """To what a detached job has printed and will print. Whoever was attached is no longer."""
    streams = live.streams
    assert isinstance(streams, Spooled | Terminal)  # noqa: S101 - a detached job's are kept
    for replay in live.replays:
        replay.close()
    live.replays = [Replay(pump) for pump in streams.collected]
    outputs = [replay.read_end for replay in live.replays]
    if isinstance(streams, Terminal):
        stdin = streams.keys() if streams.master >= 0 else _nothing(os.O_WRONLY)
        return stdin, outputs[0], _nothing(os.O_RDONLY)
    return _nothing(os.O_WRONLY), outputs[0], outputs[1]


def share(terminal: Terminal) -> Ends:
    """The terminal itself, three times."""
    return terminal.copy(), terminal.copy(), terminal.copy()


def _nothing(flags: int) -> int:
    return os.open(os.devnull, flags | os.O_CLOEXEC)
