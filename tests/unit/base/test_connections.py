"""What each peer has of a service's connections."""

from aios.connections import MAX_CONNECTIONS, MAX_UNANSWERED, Connections

MACHINE = 7 << 16


class Peer:
    def __init__(self) -> None:
        self.idle = True
        self.closed = False
        self.held = 0

    def close(self) -> None:
        self.closed = True


def test_the_one_that_was_silent_for_longest_goes() -> None:
    connections = Connections()
    own = [Peer() for _ in range(MAX_CONNECTIONS)]
    for each in own:
        assert connections.add(each, 1000)
    own[0].idle = False
    connections.used(own[1], 1000)
    assert connections.add(Peer(), 1000)
    assert [each for each in own if each.closed] == [own[2]]
    connections.remove(own[3], 1000)
    assert connections.add(Peer(), 1000)
    assert not own[4].closed


def test_what_is_in_use_stays() -> None:
    connections = Connections()
    own = [Peer() for _ in range(MAX_CONNECTIONS)]
    for each in own:
        each.idle = False
        assert connections.add(each, 1000)
    assert not connections.add(Peer(), 1000)
    assert connections.add(Peer(), 1001)
    assert not any(each.closed for each in own)


def test_a_machines_users_share_one() -> None:
    connections = Connections()
    own = [Peer() for _ in range(MAX_CONNECTIONS)]
    for user, each in enumerate(own):
        assert connections.add(each, MACHINE + user)
    assert connections.add(Peer(), MACHINE + 60_000)
    assert own[0].closed
    assert connections.add(Peer(), MACHINE - 1)
    assert not own[1].closed


def test_who_sends_too_much_loses_what_holds_most() -> None:
    connections = Connections()

    class Sender(Peer):
        def __init__(self, uid: int) -> None:
            super().__init__()
            self.uid = uid
            assert connections.add(self, uid)

        def send(self, size: int) -> bool:
            self.held += size
            return connections.sent(self, self.uid, size)

        def close(self) -> None:
            super().close()
            self.send(-self.held)

    # A machine is one, whoever it is in there.
    large, small, other = Sender(MACHINE + 1), Sender(MACHINE + 2), Sender(1000)
    assert large.send(MAX_UNANSWERED)
    assert small.send(1)
    assert large.closed and not small.closed
    assert small.send(MAX_UNANSWERED - 1)
    assert other.send(MAX_UNANSWERED)
    assert not small.send(1)
    assert not other.closed
    small.close()
    assert Sender(MACHINE + 3).send(MAX_UNANSWERED)
