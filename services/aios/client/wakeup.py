"""Signals, and whatever else happens meanwhile, as something to select on."""

import contextlib
import os
import signal
from collections.abc import Iterable
from types import TracebackType
from typing import Any


class Pokes:
    """What threads poke, and one of them selects on."""

    def __init__(self) -> None:
        # Never closed: who pokes may do so late, when the number would be something else's.
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._reader

    def poke(self, number: int = 0) -> None:
        """A signal, or 0: something else has happened."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, bytes([number]))

    def read(self) -> list[signal.Signals]:
        """The signals among what came."""
        with contextlib.suppress(BlockingIOError):
            return [signal.Signals(byte) for byte in os.read(self._reader, 4096) if byte]
        return []


class Wakeup(Pokes):
    """While it is entered (in the main thread), these signals do nothing but poke it."""

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        super().__init__()
        self._signals = tuple(signals)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Wakeup":
        self._old = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in self._signals:
            before = signal.getsignal(number)
            # nohup, and what a shell starts with & and no job control: it stays ignored.
            if before != signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, lambda _number, _frame: None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._old)
