"""What generations are made, removed and put back with."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from aios.snapshots.ending import Ask, Ending, Power
from aios.snapshots.store import Store

Lock = Callable[[Path], contextlib.AbstractContextManager[None]]
"""systemd's own on a tree: nobody starts a machine from it meanwhile."""


class Keeper:
    def __init__(self, store: Store, power: Power, ask: Ask, ending: Ending, lock: Lock) -> None:
        self._store = store
        self._power = power
        self._ask = ask
        self._ending = ending
        self._lock = lock
