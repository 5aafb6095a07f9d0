"""Values on their way to and from the bus; the bus itself is tested in the sandbox."""

import contextlib
from typing import Any

import pytest
from dbus_next.constants import MessageType
from dbus_next.message import Message
from hypothesis import given
from hypothesis import strategies as st

from aios import contract
from aios.bus import DAEMON, Bus
from aios.bus_values import body, from_dbus, variant
from aios.ids import bus_label, exec_bus_name, is_id, is_machine, new_id

VALUES: Any = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "key"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["x", "y", "zeta"]), VALUES, max_size=4))
def test_what_goes_through_a_message_comes_back(values: dict[str, Any]) -> None:
    message = Message(
        path="/a", interface="a.b", member="C", signature="a{sv}", body=body("a{sv}", (values,))
    )
    message.serial = 1
    message._marshall()
    assert from_dbus(message.body) == [values]


@pytest.mark.parametrize(
    ("key", "value", "signature"),
    [
        ("exit_status", 1, "i"),
        ("uid", 0, "u"),
        ("duration_usec", 5, "t"),
        ("offset_x", -5, "x"),
        ("truncated", True, "b"),
        ("unenforced", ["a"], "as"),
        ("unenforced", [], "as"),
        ("stdout_raw", b"\xff", "ay"),
    ],
)
def test_values_of_a_dictionary_get_the_documented_types(
    key: str, value: object, signature: str
) -> None:
    assert variant(key, value).signature == signature


def test_structs_become_lists() -> None:
    assert body("a(su)", ([("a", 1)],)) == [[["a", 1]]]


@pytest.mark.parametrize("name", ["Exec1", "Policy1", "Memory1", "Chat1", "Chat1.Session"])
def test_every_contract_loads(name: str) -> None:
    loaded = contract.load(f"org.aios.{name}")
    assert loaded.methods
    assert loaded.xml.startswith("<interface")


@pytest.mark.parametrize(
    ("machine", "label"),
    [
        ("aios", "aios"),
        ("aios-dev", "aios-dev"),
        (".host", "_2ehost"),
        ("9lives", "_39lives"),
        ("a_b", "a_5fb"),
        ("a9", "a9"),
    ],
)
def test_machine_names_on_the_bus(machine: str, label: str) -> None:
    assert bus_label(machine) == label
    assert exec_bus_name(machine) == f"org.aios.Exec1.{label}"


@pytest.mark.parametrize("bad", ["", "..", "a/b", "-x", "a b", "a" * 65, "é", ".hosts", "a\n"])
def test_what_is_no_machine(bad: str) -> None:
    assert not is_machine(bad)


def test_ids() -> None:
    first, second = new_id(), new_id()
    assert is_id(first) and first != second
    assert not is_id(first.lower()) and not is_id(first + "0") and not is_id("../" + first[3:])


@pytest.mark.parametrize(
    ("sender", "destination", "heard"),
    [(":1.5", None, True), (DAEMON, ":1.9", True), (":1.5", ":1.9", False)],
)
def test_a_signal_that_somebody_sends_by_name_is_not_believed(
    sender: str, destination: str | None, heard: bool
) -> None:
    bus = Bus(None, contextlib.nullcontext)
    bodies: list[object] = []
    bus._signals["a.b", "C"] = [lambda _path, values: bodies.append(values)]
    message = Message(
        message_type=MessageType.SIGNAL, path="/a", interface="a.b", member="C", signature="s",
        body=["x"], sender=sender, destination=destination,
    )  # fmt: skip
    bus._on_message(message)
    assert bodies == ([["x"]] if heard else [])
