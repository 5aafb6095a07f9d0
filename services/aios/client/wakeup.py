"""Signals, and whatever else happens meanwhile, as something to select on."""

# ruff: noqa: SIM105 - those imports take longer than a command

from __future__ import annotations

import os

from aios.client.lean import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        try:
            os.write(self._writer, bytes([number]))
        except BlockingIOError:
            pass

    def read(self) -> list[int]:
        """The signals among what came."""
        try:
            return [byte for byte in os.read(self._reader, 4096) if byte]
        except BlockingIOError:
            return []


class Wakeup(Pokes):
    """While it is entered (in the main thread), these signals do nothing but poke it."""

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__()
        self._numbers = tuple(numbers)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Wakeup:
        self._old = signals.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in self._numbers:
            before = signals.getsignal(number)
            # nohup, and what a shell starts with & and no job control: it stays ignored.
            if before != signals.SIG_IGN:
                self._before[number] = before
                signals.signal(number, lambda _number, _frame: None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signals.signal(number, before)
        signals.set_wakeup_fd(self._old)
