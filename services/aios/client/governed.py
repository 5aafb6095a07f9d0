"""A call that may need approvals before it is answered: the call on one connection, and on a second
one the person's delegation, which also tells of the requests.

Authority exists only while the second is open, so only while something is being answered.
"""

import select
from collections.abc import Callable, Mapping
from typing import Any

from aios.client import place
from aios.client.approval import Asked
from aios.client.varlink import ClientError, Connection, Disconnected, Reply

MAX_RECONNECTIONS = 3
"""Within one call; policy that goes away more often is not coming back."""


class Delegation:
    """The person's authority over `machine`, lent to `session` while this is open."""

    def __init__(self, session: str, machine: str) -> None:
        self.lost = False
        """Policy went away meanwhile: whoever was lent the delegation has no longer any."""
        self.machine = machine
        self._session = session
        self._reconnections = 0
        try:
            self._connect()
        except Disconnected:
            # It was killed meanwhile. Nobody has been lent anything.
            self._connect()

    def _connect(self) -> None:
        self._connection = Connection(place.socket_path("policy"))
        parameters = {"session": self._session, "machine": self.machine}
        try:
            self._connection.send(f"{place.POLICY}.Delegate", parameters, more=True)
            self._unread: list[Reply] = []
            while not self._unread:
                self._unread = self._connection.pull()
        except BaseException:
            self._connection.close()
            raise
        first = self._unread.pop(0).parameters
        self.id = str(first["delegation"])
        # In a machine the client need not know its name; policy does.
        self.machine = str(first.get("machine", self.machine))

    def __enter__(self) -> "Delegation":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def fileno(self) -> int:
        return self._connection.fileno()

    def unread(self, asked: Asked) -> None:
        """What came together with the answer to Delegate."""
        replies, self._unread = self._unread, []
        for reply in replies:
            _tell(asked, reply.parameters)

    def readable(self, asked: Asked) -> None:
        """Reads what is there. When policy was killed its requests are still there, in files: who
        delegates again hears of them."""
        try:
            replies = self._connection.pull()
        except Disconnected:
            self.lost = True
            self._connection.close()
            self._reconnections += 1
            if self._reconnections > MAX_RECONNECTIONS:
                raise
            self._connect()
            self.unread(asked)
            return
        for reply in replies:
            if not reply.continues:
                raise ClientError(
                    "org.aios.Error.NotAuthorized", "the delegation was revoked", "Ask again."
                )
            _tell(asked, reply.parameters)


def _tell(asked: Asked, event: Mapping[str, Any]) -> None:
    if "request" in event:
        asked.add(event["request"])
    elif "resolved" in event:
        asked.resolved(event["resolved"])


def follow(
    call: Connection,
    delegation: Delegation,
    asked: Asked,
    event: Callable[[Mapping[str, Any]], None],
) -> Reply:
    """The answer to `call`, which has been sent; events and approvals meanwhile."""
    try:
        delegation.unread(asked)
        while True:
            keys = asked.descriptors()
            watched = [delegation.fileno(), call.fileno(), *keys]
            ready = select.select(watched, [], [], asked.patience())[0]
            if not ready:
                asked.overdue()
            # Policy first: what the answer is about has been told there before.
            if watched[0] in ready:
                delegation.readable(asked)
            elif keys and keys[0] in ready:
                asked.readable()
            if watched[1] in ready:
                for reply in call.pull():
                    if not reply.continues:
                        return reply
                    event(reply.parameters)
    except (Disconnected, KeyboardInterrupt):
        asked.abandon()
        raise
    finally:
        asked.close()
