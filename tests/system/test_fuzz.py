"""Every method of every interface, on the real bus and the real sockets, with what its types allow
and with what they do not. An answer is values or an error with a name and plain words; the service
goes on, and nothing of it is in the journal.

What is called is read from the interfaces' XML: a new method is tried without a line here.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fuzz import budget, integers, json_values, surprising, texts
from governed import BUSCTL, POLICY, requests
from hypothesis import given
from hypothesis import strategies as st
from relay import Relay
from sandbox import Sandbox

from aios import contract

pytestmark = pytest.mark.system

SERVICES = {
    "org.aios.Exec1": ("org.aios.Exec1.aios", "/run/aios/exec/aios.sock"),
    "org.aios.Exec1.Job": ("org.aios.Exec1.aios", "/run/aios/exec/aios.sock"),
    "org.aios.Machine1": ("org.aios.Machine1", "/run/aios/machines.sock"),
    "org.aios.Policy1": ("org.aios.Policy1", "/run/aios/policy.sock"),
    "org.aios.Memory1": ("org.aios.Memory1", "/run/aios/memory.sock"),
    "org.aios.Chat1": ("org.aios.Chat1", "/run/aios/chat.sock"),
    "org.aios.Chat1.Session": ("org.aios.Chat1", "/run/aios/chat.sock"),
}
assert set(SERVICES) == {path.stem for path in contract.DIRECTORY.glob("*.xml")}
METHODS = [(i, m) for i in SERVICES for m in sorted(contract.load(i).methods)]
WAITS = {"Run", "Start", "Wait", "Ask", "Plan", "Approve", "WatchApprovals", "Delegate"}
"""Those that may wait for a human, a command or the caller's own end."""
PATIENCE = {True: 1.0, False: 30.0}
COMMANDS = ["true", "echo x", "id -u", "exit 3", "rm -rf /", "", " ", "\0", "echo 'x", "$(",
            "kill $$",
            "echo " + "y" * 65_000, "echo " + "z" * 70_000, "echo \u202e\x1b[2J",
            "\ud800"]  # fmt: skip
"""Harmless, whoever says yes to them."""
TYPED = dict(
    re.findall(
        r"\b([a-z][a-z_]+) (s|b|t|u|d|q|as|a\{ss\})(?=[,.;: )(])",
        "".join(contract.load(name).xml for name in SERVICES),
    )
)
"""The options that the interfaces' comments name, and their types."""
AS_ROOT = {"Authorize", "Redeem", "DescribeDelegation", "Record", "Verify", "ListBackups",
           "Restore", "Import", "Export", "History", "Withdraw", "Revoke"}  # fmt: skip
"""Of what only root or an administrator may, that which cannot hit what others need here."""
MACHINES = "org.aios.Machine1"
"""Nothing of it as root: it makes and removes machines."""
BANNED = re.compile(
    r"Traceback|object at 0x|<class |Error\(|Exception|site-packages|File \"|NoneType"
)


@pytest.fixture(scope="module")
def relay(sandbox: Sandbox) -> Iterator[Relay]:
    """Somebody who may use aios, and nothing more."""
    if sandbox.run(["id", "fuzz"], check=False).returncode:
        sandbox.run(["useradd", "--create-home", "--groups", "aios", "fuzz"])
    found = Relay(sandbox, "fuzz")
    yield found
    found.close()


@pytest.fixture(scope="module")
def root(sandbox: Sandbox) -> Iterator[Relay]:
    found = Relay(sandbox, "root")
    yield found
    found.close()
    for request in requests(sandbox).values():
        sandbox.run([*BUSCTL, *POLICY, "Withdraw", "s", request], check=False)


@pytest.fixture(scope="module", autouse=True)
def standing(sandbox: Sandbox, relay: Relay) -> Iterator[None]:
    """No service ends otherwise than by itself, and none meets what it did not foresee."""

    cursor = sandbox.sh("journalctl --quiet --show-cursor --lines=0").rpartition("cursor: ")[2]
    yield
    sandbox.run(["journalctl", "--sync"])
    said = sandbox.sh(f"journalctl --quiet --after-cursor='{cursor}' --output=cat -u 'aios-*'")
    faulty = "Traceback|call failed|never retrieved|code=dumped|Unclosed|status=|Scheduled restart"
    faults = [line for line in said.splitlines() if re.search(faulty, line)]
    assert not faults, faults[:5]


def decent(method: str, said: dict[str, Any], what: Callable[[], Any]) -> None:
    """Not a fault, and nothing of Python's."""
    text = json.dumps(said)
    assert "org.aios.Error.Internal" not in text, (method, what(), said)
    assert not BANNED.search(text), (method, what(), said)
    assert "disconnected" not in said, (method, what(), said)
    assert "late" not in said or method in WAITS, (method, what(), "no answer")


def plain(value: Any) -> Any:
    """What fits into one of the bus's own types, from JSON."""
    if isinstance(value, bool):
        return ("b", value)
    if isinstance(value, int):
        return ("x" if value < 2**63 else "t", value)
    if isinstance(value, float):
        return ("d", value)
    if isinstance(value, list):
        return ("av", [plain(item) for item in value])
    if isinstance(value, dict):
        return ("a{sv}", {key: plain(item) for key, item in value.items()})
    return ("s", value or "")


def option(name: str) -> st.SearchStrategy[tuple[str, Any]]:
    value = {
        "s": texts, "b": st.booleans(), "d": st.floats(), "as": st.lists(texts, max_size=3),
        "a{ss}": st.dictionaries(texts, texts, max_size=3),
    }.get(TYPED[name], integers)  # fmt: skip
    return st.tuples(st.just(name), value)


options = st.sampled_from(sorted(TYPED)).flatmap(option) | st.tuples(
    st.sampled_from(sorted(TYPED)) | texts, json_values() | st.sampled_from(COMMANDS)
)


def dictionaries() -> st.SearchStrategy[Any]:
    return st.lists(options, max_size=5).map(dict)


def inputs(name: str, kind: str) -> st.SearchStrategy[Any]:
    if name == "command":
        return st.sampled_from(COMMANDS)
    return {
        "s": texts,
        "u": integers,
        "q": integers,
        "t": integers,
        "i": integers,
        "b": st.booleans(),
        "d": st.floats(),
        "a{sv}": dictionaries(),
        "aa{sv}": st.lists(dictionaries(), max_size=3),
    }[kind]


def arguments(interface: str, method: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {arg.name: inputs(arg.name, arg.type)
         for arg in contract.load(interface).methods[method].inputs}
    )  # fmt: skip


def socket_call(interface: str, method: str, parameters: Any, **more: Any) -> bytes:
    whole = {"method": f"{interface}.{method}", "parameters": parameters, **more}
    return json.dumps(whole).encode() + b"\0"


def ask(relay: Relay, method: str, path: str, data: bytes, end: str = "read") -> dict[str, Any]:
    return relay.write(path, data, end=end, patience=PATIENCE[method in WAITS])


@pytest.mark.parametrize(("interface", "method"), METHODS)
def test_what_is_typed_well_and_what_is_not(
    relay: Relay, root: Relay, interface: str, method: str
) -> None:
    name, path = SERVICES[interface]
    child = "/01ARZ3NDEKTSV4RRFFQ69G5FAV" if interface.count(".") > 2 else ""
    place = "/" + "/".join(interface.split(".")[:3])
    place += {"org.aios.Exec1.Job": "/job", "org.aios.Chat1.Session": "/session"}.get(interface, "")
    signature = contract.load(interface).methods[method].in_signature
    kinds = {arg.name: arg.type for arg in contract.load(interface).methods[method].inputs}

    def typed(kind: str, value: Any) -> Any:
        if kind == "a{sv}":
            return {key: plain(item) for key, item in value.items()}
        return [typed("a{sv}", one) for one in value] if kind == "aa{sv}" else value

    def asking(values: dict[str, Any]) -> list[Relay]:
        # The memory stays as it is ("": its newest backup).
        harmful = values.get("backup") == ""
        as_root = interface != MACHINES and method in AS_ROOT and not harmful
        return [relay, root] if as_root else [relay]

    @budget(8)
    @given(arguments(interface, method))
    def well(values: dict[str, Any]) -> None:
        # The bus's daemon itself leaves whoever sends NUL or what is no UTF-8.
        if not re.search(r"\\u0000|\\ud[89a-f]", json.dumps(values)):
            body = [typed(kind, values[arg]) for arg, kind in kinds.items()]
            bus = [name, place + child, interface, method]
            for one in asking(values):
                patience = PATIENCE[method in WAITS]
                said = one(bus=bus, signature=signature, body=body, patience=patience)
                decent(method, said, lambda: values)
        data = socket_call(interface, method, values | ({"object": child[1:]} if child else {}))
        for one in asking(values):
            decent(method, ask(one, method, path, data), lambda: values)

    @budget(5)
    @given(json_values() | st.dictionaries(
        st.sampled_from(["object", *kinds])
        | texts, json_values(), max_size=4), st.booleans() | json_values())  # fmt: skip
    def ill(parameters: Any, more: Any) -> None:
        data = socket_call(interface, method, parameters, more=more)
        decent(method, ask(relay, method, path, data), lambda: (parameters, more))

    @budget(3)
    @given(st.sampled_from(["", "s", "i", "as", "a{sv}", "v", "ssss", "sa{sv}"]), st.data())
    def other(types: str, data: Any) -> None:
        samples = {"s": "x", "i": -1, "as": ["x"], "a{sv}": {"x": ("s", "y")}, "v": ("s", "x")}
        body = [samples[one] for one in re.findall(r"a\{sv\}|as|[siv]", types)]
        bus = [
            name,
            place + child,
            interface,
            data.draw(st.sampled_from([method, method + "x", "_x"])),
        ]
        said = relay(bus=bus, signature=types, body=body, patience=PATIENCE[method in WAITS])
        decent(method, said, lambda: (types, body))

    well()
    ill()
    other()


@pytest.mark.parametrize("path", sorted({path for _, path in SERVICES.values()}))
def test_what_is_no_call_at_all(relay: Relay, path: str) -> None:
    """Broken JSON, deep nesting, huge numbers, NULs, halves of messages, and leaving in the
    middle."""
    call = b'{"method": "org.varlink.service.GetInfo", "parameters": {}}'
    odd = [
        b"", b"\0", b"\0" * 100, b"{", b"[]\0", b"null\0", b'"x"\0', b"\xff\xfe\0", b"{}\0",
        b'{"method": 1}\0', b'{"method": "x"}\0', b'{"method": "."}\0', b'{"method": ""}\0',
        b'{"method": "a.b", "parameters": []}\0', b'{"method": "a.b", "parameters": 7}\0',
        b"[" * 100_000 + b"\0", b'{"a":' * 50_000 + b"\0", b"9" * 5_000 + b"\0",
        b'{"method": "a.b", "more": ' + b"9" * 5_000 + b"}\0", b'{"method": "\\ud800.x"}\0',
        b'{"method": "org.varlink.service.\\udfff"}\0', b'{"method": "org.aios.Chat1.\\ud800"}\0',
        b'{"method": "a.b", "parameters": {"\\ud800": 1}}\0', call, call + b"\0" + call,
        call[:20], (call + b"\0") * 40, b"x" * 5_000_000,
        b'{"method": "' + b"m" * 3_000_000 + b'"}\0',
        b"GET / HTTP/1.1\r\n\r\n", b"\x6c\x01\x00\x01\0\0\0\0\x01\0\0\0",
    ]  # fmt: skip

    @budget(60)
    @given(
        st.sampled_from(odd)
        | st.binary(max_size=80)
        | json_values().map(lambda value: json.dumps(value).encode() + b"\0")
        | st.tuples(st.sampled_from(odd), st.integers(0, 60)).map(lambda pair: pair[0][: pair[1]])
        | surprising.map(lambda text: text.encode(errors="surrogatepass") + b"\0"),
        st.sampled_from(["half", "leave"]),
    )
    def anything(data: bytes, end: str) -> None:
        holds(data, end)

    def holds(data: bytes, end: str) -> None:
        decent("", ask(relay, "", path, data, end), lambda: data[:200])
        # It answers the next one.
        said = ask(relay, "", path, call + b"\0")
        assert "org.varlink.service" in said.get("answer", ""), data[:200]

    for name in ("\\ud800.x", "org.varlink.service.\\udfff"):
        said = ask(relay, "", path, b'{"method": "%s"}\0' % name.encode())
        assert "org.varlink.service." in said["answer"], (name, said)
    for data in odd:
        for end in ("half", "leave"):
            holds(data, end)
    anything()


@pytest.mark.parametrize("name", sorted({name for name, _ in SERVICES.values()}))
def test_paths_properties_and_interfaces_that_are_not_there(relay: Relay, name: str) -> None:
    root = "/" + "/".join(name.split(".")[:3])
    paths = ["/", root, f"{root}/job", f"{root}/session", f"{root}/job/x", f"{root}/session/01ARZ3",
             "/org", "/a/b/c", f"{root}/job/01ARZ3NDEKTSV4RRFFQ69G5FAV"]  # fmt: skip
    calls = [
        ("org.freedesktop.DBus.Introspectable", "Introspect", "", []),
        ("org.freedesktop.DBus.Properties", "GetAll", "s", ["org.aios.Exec1"]),
        ("org.freedesktop.DBus.Properties", "GetAll", "s", [""]),
        ("org.freedesktop.DBus.Properties", "Get", "ss", ["org.aios.Exec1", "Machine"]),
        ("org.freedesktop.DBus.Properties", "Get", "ss", ["org.aios.Exec1.Job", "Details"]),
        ("org.freedesktop.DBus.Properties", "Get", "s", ["x"]),
        ("org.freedesktop.DBus.Properties", "Set", "ssv", ["org.aios.Exec1", "Machine", ("s",
        "x")]),
        ("org.freedesktop.DBus.Peer", "Ping", "", []),
        ("a.b", "C", "", []),
        ("org.aios.Policy1", "_dispatch", "", []),
    ]  # fmt: skip
    for path, (interface, member, signature, body) in itertools.product(paths, calls):
        bus = [name, path, interface, member]
        said = relay(bus=bus, signature=signature, body=body, patience=PATIENCE[False])
        decent(member, said, lambda bus=bus: bus)  # type: ignore[misc]
