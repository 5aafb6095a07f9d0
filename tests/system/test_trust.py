"""Who may do what: strangers, the model's service, and pretenders."""

import pytest
from sandbox import Sandbox

from aios import contract

PLACES = {
    "org.aios.Exec1": ("org.aios.Exec1.aios", "/org/aios/Exec1"),
    "org.aios.Policy1": ("org.aios.Policy1", "/org/aios/Policy1"),
    "org.aios.Memory1": ("org.aios.Memory1", "/org/aios/Memory1"),
    "org.aios.Chat1": ("org.aios.Chat1", "/org/aios/Chat1"),
    "org.aios.Machine1": ("org.aios.Machine1", "/org/aios/Machine1"),
}


@pytest.fixture(scope="module", autouse=True)
def accounts(sandbox: Sandbox) -> None:
    for name in ("stranger", "plain"):
        if sandbox.run(["id", name], check=False).returncode:
            sandbox.run(["useradd", "-m", "-s", "/bin/bash", name])
    sandbox.run(["usermod", "-aG", "aios", "plain"])


def call(sandbox: Sandbox, user: str, interface: str, method: str, *values: str) -> tuple[int, str]:
    name, path = PLACES[interface]
    signature = contract.load(interface).methods[method].in_signature
    argv = ["busctl", "--timeout=60", "call", name, path, interface, method]
    result = sandbox.run([*argv, *([signature] if signature else []), *values], user=user,
                         check=False)  # fmt: skip
    return result.returncode, result.stdout + result.stderr


def test_the_models_service_cannot_act_by_itself(sandbox: Sandbox) -> None:
    marker = "/var/lib/trust-marker"
    for interface, method, values in (
        ("org.aios.Exec1", "Run", ("id", "0")),
        ("org.aios.Exec1", "Run", (f"touch {marker}", "0")),
        ("org.aios.Exec1", "Run", ("id", "1", "delegation", "s", "guessed")),
        ("org.aios.Policy1", "Approve", ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "0")),
        ("org.aios.Policy1", "Delegate", ("s", "aios")),
        ("org.aios.Policy1", "Authorize", ("id", "aios", "0")),
        ("org.aios.Policy1", "DescribeDelegation", ("x",)),
        ("org.aios.Memory1", "History", ("0",)),
        ("org.aios.Memory1", "Create", ("x", "0")),
    ):
        status, said = call(sandbox, "aios-chat", interface, method, *values)
        assert status != 0, (method, said)
        assert any(word in said for word in ("may not", "delegation", "only")), (method, said)
    assert sandbox.machine(["test", "-e", marker], check=False).returncode != 0


@pytest.mark.parametrize("user", ["plain", "me", "aios-memory", "aios-policy"])
@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("Authorize", ("id", "aios", "0")),
        ("Redeem", ("01ARZ3NDEKTSV4RRFFQ69G5FAV",)),
    ],
)
def test_only_roots_exec_asks_for_permits(
    sandbox: Sandbox, user: str, method: str, values: tuple[str, ...]
) -> None:
    status, said = call(sandbox, user, "org.aios.Policy1", method, *values)
    assert status != 0
    assert "only aios-exec@" in said, said


def test_nobody_writes_history_but_roots_exec(sandbox: Sandbox) -> None:
    status, said = call(sandbox, "me", "org.aios.Memory1", "Record", "1", "command", "s", "forged")
    assert status != 0, said


@pytest.mark.parametrize(
    "name", ["org.aios.Chat1", "org.aios.Policy1", "org.aios.Memory1", "org.aios.Exec1.aios"]
)
@pytest.mark.parametrize("user", ["me", "stranger"])
def test_nobody_else_owns_a_services_name(sandbox: Sandbox, user: str, name: str) -> None:
    result = sandbox.run(
        ["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
         "RequestName", "su", name, "4"],
        user=user, check=False,
    )  # fmt: skip
    assert result.returncode != 0
    assert "denied" in result.stderr


@pytest.mark.parametrize("interface", [*PLACES])
def test_what_runs_answers_the_contract(sandbox: Sandbox, interface: str) -> None:
    name, path = PLACES[interface]
    said = sandbox.run(["busctl", "--xml-interface", "introspect", name, path], user="me").stdout
    shipped = contract.load(interface).xml
    assert " ".join(shipped.split()) in " ".join(said.split())


def test_the_audit_of_another_cannot_be_read_from_the_state(sandbox: Sandbox) -> None:
    for directory in ("exec", "policy", "chat"):
        result = sandbox.run(["ls", f"/var/lib/aios/{directory}"], user="me", check=False)
        assert result.returncode != 0, directory
