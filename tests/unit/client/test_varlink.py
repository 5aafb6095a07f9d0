"""The client's side of Varlink."""

from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve

from aios.client import place
from aios.client.varlink import DENIED, FAILED, ClientError, Connection, Disconnected


def connect() -> Connection:
    return Connection(place.socket_path("policy"), timeout=10)


def test_call(serve: Serve) -> None:
    service = serve("policy", lambda peer, call: peer.reply(got=call["parameters"]))
    with connect() as connection:
        assert connection.call("a.B", {"x": "ü\n"}) == {"got": {"x": "ü\n"}}
        assert connection.call("a.B", {}) == {"got": {}}
    assert [call.get("more") for call in service.calls] == [None, None]


def test_stream_in_fragments(serve: Serve) -> None:
    def answer(peer: Peer, call: dict[str, Any]) -> None:
        assert call["more"] is True
        peer.send_raw(b'{"parameters": {"n": 1}, "conti')
        peer.send_raw(b'nues": true}\0{"parameters": {"n": 2}, "continues": true}\0{"param')
        peer.send_raw(b'eters": {"n": 3}}\0')

    serve("policy", answer)
    with connect() as connection:
        replies = list(connection.stream("a.B", {}))
    assert [reply.parameters["n"] for reply in replies] == [1, 2, 3]
    assert [reply.continues for reply in replies] == [True, True, False]


def test_a_services_error(serve: Serve) -> None:
    def answer(peer: Peer, call: dict[str, Any]) -> None:
        if call["method"] == "a.Good":
            peer.reply(fine=True)
        else:
            peer.error("Denied", "not this", "try that")

    serve("policy", answer)
    with connect() as connection:
        with pytest.raises(ClientError) as caught:
            connection.call("a.Bad", {})
        assert (caught.value.message, caught.value.hint) == ("not this", "try that")
        assert caught.value.status == DENIED
        # The connection is good for another call.
        assert connection.call("a.Good", {}) == {"fine": True}


def test_the_protocols_own_error(serve: Serve) -> None:
    name = "org.varlink.service.MethodNotFound"
    serve("policy", lambda peer, call: peer.send(error=name, parameters={"method": "a.B"}))
    with connect() as connection, pytest.raises(ClientError, match=r"MethodNotFound: method a\.B"):
        connection.call("a.B", {})


@pytest.mark.parametrize("said", [b"", b'{"parameters": {}'])
def test_a_killed_service(serve: Serve, said: bytes) -> None:
    def answer(peer: Peer, call: dict[str, Any]) -> None:
        peer.send_raw(said)
        peer.hang_up()

    serve("policy", answer)
    with connect() as connection, pytest.raises(Disconnected) as caught:
        connection.call("a.B", {})
    assert caught.value.status == FAILED


@pytest.mark.parametrize("said", [b"HTTP/1.1 400\0", b"[]\0", b'{"parameters": 3}\0'])
def test_what_is_not_varlink(serve: Serve, said: bytes) -> None:
    serve("policy", lambda peer, call: peer.send_raw(said))
    with connect() as connection, pytest.raises(ClientError, match="does not speak Varlink"):
        connection.call("a.B", {})


def test_no_socket(runtime: object) -> None:
    with pytest.raises(ClientError, match=r"cannot be reached .*no such file") as caught:
        connect()
    assert caught.value.hint
