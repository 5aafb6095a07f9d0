"""What a caller asks for, checked before anything happens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aios.caller import Caller
from aios.errors import InvalidCommand, InvalidOption, NotAuthorized
from aios.options import STRING_MAP, Options

KNOWN: Mapping[str, type | tuple[str, str]] = {
    "profile": str, "cwd": str, "env": STRING_MAP, "timeout_usec": int, "session": str,
    "delegation": str, "purpose": str,
}  # fmt: skip
MAX_COMMAND = 64 * 1024
MAX_ENVIRONMENT = 64 * 1024
MAX_PATH = 4095
MAX_NAME = 128
CHAT = "aios-chat"
PROBE = "probe"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Request:
    """One command, as asked for. timeout_usec: None for the configured one."""

    command: str
    profile: str = ""
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_usec: int | None = None
    session: str = ""
    delegation: str = ""
    purpose: str = ""


def _plain(text: str) -> bool:
    return all(char in "\t\n" or (ord(char) >= 32 and ord(char) != 127) for char in text)


def _check_command(command: str) -> None:
    if not command.strip():
        raise InvalidCommand("the command is empty")
    if "\0" in command:
        raise InvalidCommand("the command contains NUL")
    size = len(command.encode())
    if size > MAX_COMMAND:
        raise InvalidCommand(
            f"the command has {size} bytes; at most {MAX_COMMAND} can be run",
            hint="put the data into a file",
        )


def _check_environment(env: Mapping[str, str]) -> None:
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise InvalidOption(f"option 'env': {name!r} is no variable's name")
        # systemd refuses control characters in a unit's environment.
        if not _plain(value):
            raise InvalidOption(f"option 'env': {name} has control characters")
    if sum(len(name) + len(value.encode()) for name, value in env.items()) > MAX_ENVIRONMENT:
        raise InvalidOption(f"option 'env' has more than {MAX_ENVIRONMENT} bytes")


def _check_cwd(cwd: str) -> None:
    if not cwd:
        return
    if not cwd.startswith("/") or not cwd.isprintable() or len(cwd.encode()) > MAX_PATH:
        raise InvalidOption(f"option 'cwd' must be an absolute path, not {cwd!r}")
    if ".." in cwd.split("/"):
        raise InvalidOption("option 'cwd' must not contain '..'")


def read(command: str, given: Mapping[str, Any]) -> Request:
    options = Options(given, KNOWN)
    _check_command(command)
    request = Request(
        command=command,
        profile=options.get_str("profile"),
        cwd=options.get_str("cwd"),
        env=options.get_map("env"),
        timeout_usec=options.get_int("timeout_usec", 0, low=1)
        if "timeout_usec" in options
        else None,
        session=options.get_str("session"),
        delegation=options.get_str("delegation"),
        purpose=options.get_str("purpose"),
    )
    _check_cwd(request.cwd)
    _check_environment(request.env)
    if request.purpose not in ("", PROBE):
        raise InvalidOption(f"option 'purpose' can be {PROBE!r} only")
    for name in ("session", "delegation"):
        value = options.get_str(name)
        if len(value) > MAX_NAME or not value.isprintable():
            raise InvalidOption(f"option {name!r} is at most {MAX_NAME} printable characters")
    return request


def require_caller(caller: Caller, request: Request) -> None:
    """Who may call at all; policy says what for."""
    if caller.machine:
        raise NotAuthorized("nobody in a machine may call exec", hint="ask aios there: `aios`")
    if caller.is_service(CHAT):
        if not request.delegation:
            raise NotAuthorized(
                f"{CHAT} runs nothing by itself", hint="it needs a person's live delegation"
            )
        return
    caller.require_user()
