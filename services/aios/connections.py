"""How many connections each peer may have, and how much they may send: nobody's are so many that
others find none left, or that a service holds more than it has room for.

A person has one share, and a machine, whose users are 65,536 at its root's choice, has one as well.
Who has too many loses the one that was silent for longest: who kept it to ask again connects anew.
"""

from collections import Counter
from typing import Protocol

from aios.errors import Busy

MAX_CONNECTIONS = 512
"""Of one peer. What exec may have running and waiting for one person is less."""
TOO_MANY = Busy("all your connections to this service are in use", hint="end some, and ask again")
MAX_UNANSWERED = 16 * 1024 * 1024
"""Bytes that one peer may have sent, over all its connections, and that are not answered yet. Who
sends more loses the connection that holds most of them."""
_MACHINE_BITS = 16
"""Where machines have users of their own, each has 2^16 of them (systemd-nspawn(1))."""


class Connection(Protocol):
    @property
    def idle(self) -> bool:
        """It has no call in progress."""

    @property
    def held(self) -> int:
        """Bytes that came on it and are not answered yet."""

    def close(self) -> None: ...


class Connections:
    def __init__(self) -> None:
        self._of: dict[tuple[bool, int], dict[Connection, None]] = {}
        """By owner; the one that was used last is the last."""
        self._unanswered: Counter[tuple[bool, int]] = Counter()

    def add(self, connection: Connection, uid: int) -> bool:
        """False when there is no room: all that the owner has are in use."""
        own = self._of.setdefault(_owner(uid), {})
        if len(own) >= MAX_CONNECTIONS:
            silent = next((each for each in own if each.idle), None)
            if silent is None:
                return False
            del own[silent]
            silent.close()
        own[connection] = None
        return True

    def sent(self, connection: Connection, uid: int, size: int) -> bool:
        """Accounts for so many bytes more, or less; False when the connection is to be closed."""
        owner = _owner(uid)
        self._unanswered[owner] += size
        if not self._unanswered[owner]:
            del self._unanswered[owner]
        while size > 0 and self._unanswered[owner] > MAX_UNANSWERED:
            largest = max((connection, *self._of.get(owner, ())), key=lambda each: each.held)
            if largest is connection or not largest.held:
                return False
            largest.close()
        return True

    def used(self, connection: Connection, uid: int) -> None:
        own = self._of.get(_owner(uid), {})
        if connection in own:
            own[connection] = own.pop(connection)

    def remove(self, connection: Connection, uid: int) -> None:
        own = self._of.get(_owner(uid), {})
        own.pop(connection, None)
        if not own:
            self._of.pop(_owner(uid), None)


def _owner(uid: int) -> tuple[bool, int]:
    """Whether it is a machine, and which."""
    in_machine = uid >= 1 << _MACHINE_BITS
    return in_machine, uid >> _MACHINE_BITS if in_machine else uid
