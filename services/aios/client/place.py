"""Where this client runs, and which sockets are there: on the host, or in a machine, to which the
host shows three of them."""

# ruff: noqa: PTH110, PTH112 - those imports take longer than a command

from __future__ import annotations

import os

from aios.client.varlink import ERROR_PREFIX, ClientError, Connection, Disconnected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RUNTIME = "/run/aios"
DEFAULT_MACHINE = "aios"
HOST = ".host"
OWN = "/etc/aios/default-machine"
"""There in images alone, whose machine is the host itself."""

POLICY = "org.aios.Policy1"
CHAT = "org.aios.Chat1"
MEMORY = "org.aios.Memory1"
EXEC = "org.aios.Exec1"
MACHINE = "org.aios.Machine1"


def in_machine() -> bool:
    """The host's own directory also holds exec/ and machine/."""
    return os.path.isdir(RUNTIME) and not any(
        os.path.exists(f"{RUNTIME}/{own}") for own in ("exec", "machine")
    )


def default_machine() -> str:
    """The machine that is meant when none is named. In a machine that is the machine itself, whose
    name the services know: a hostname need not be it."""
    return "" if in_machine() else hosts_machine()


def hosts_machine() -> str:
    """That of people on the host. Only an administrator's word makes it the host itself: never
    that no other machine runs."""
    try:
        with open(OWN) as file:  # noqa: PTH123
            return file.readline().strip() or DEFAULT_MACHINE
    except FileNotFoundError:
        return DEFAULT_MACHINE


def shown(machine: str) -> str:
    """As the prompt has it: a host that is its own machine goes by the name of one."""
    return DEFAULT_MACHINE if machine == HOST == hosts_machine() else machine


def require_host(what: str, hint: str) -> None:
    if in_machine():
        raise ClientError(ERROR_PREFIX + "NotAuthorized", f"{what} is on the host", hint)


def socket_path(service: str) -> str:
    return f"{RUNTIME}/{service}.sock"


def exec_socket(machine: str) -> str:
    path = f"{RUNTIME}/exec/{machine}.sock"
    if "/" in machine or "\0" in machine or not os.path.exists(path):
        raise ClientError(
            ERROR_PREFIX + "NoSuchMachine",
            f"no machine {machine!r} is under aios here",
            "machinectl list shows what runs; systemctl start systemd-nspawn@NAME starts one",
        )
    return path


def connect(service: str, timeout: float | None = None) -> Connection:
    return Connection(socket_path(service), timeout=timeout)


def call(service: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    with connect(service) as connection:
        return connection.call(method, parameters)


def look_up(service: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """As `call`, for what changes nothing: asked again when the service was killed meanwhile."""
    try:
        return call(service, method, parameters)
    except Disconnected:
        return call(service, method, parameters)
