"""What a caller asks for, checked before anything happens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aios.caller import Caller
from aios.errors import InvalidCommand, InvalidOption, NotAuthorized
from aios.exec.limits import MAX_CPU_WEIGHT, Limits
from aios.options import STRING_MAP, Options

RUN: Mapping[str, type | tuple[str, str]] = {
    "profile": str, "cwd": str, "env": STRING_MAP, "timeout_usec": int, "memory_max": int,
    "tasks_max": int, "cpu_weight": int, "output_max": int, "session": str, "delegation": str,
    "purpose": str, "words": str, "confirm_within_usec": int,
}  # fmt: skip
START: Mapping[str, type | tuple[str, str]] = {
    **RUN, "pty": bool, "rows": int, "columns": int, "detach": bool,
    "input": bool,
}  # fmt: skip
MAX_COMMAND = 64 * 1024
MAX_ENVIRONMENT = 64 * 1024
MAX_PATH = 4095
MAX_NAME = 128
MAX_WORDS = 1024
MAX_CONFIRM_USEC = 24 * 3600 * 1_000_000
MAX_SIDE = 2**16 - 1
CHAT = "aios-chat"
PROBE = "probe"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Request:
    """One command, as asked for. `limits`: what the call wants lowered. rows, columns: of the
    terminal, 0 where the caller does not say. input False: its stdin is /dev/null.
    confirm_within_usec: 0 without the guard (aios.exec.guard). words: what the person said that
    led to it."""

    command: str
    profile: str = ""
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    session: str = ""
    delegation: str = ""
    purpose: str = ""
    words: str = ""
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    pty: bool = False
    rows: int = 0
    columns: int = 0
    detach: bool = False
    input: bool = True
    confirm_within_usec: int = 0


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


def check_environment(env: Mapping[str, str]) -> None:
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise InvalidOption(f"option 'env': {name!r} is no variable's name")
        # systemd refuses control characters in a unit's environment.
        if not _plain(value):
            raise InvalidOption(f"option 'env': {name} has control characters")
    if sum(len(name) + len(value.encode()) for name, value in env.items()) > MAX_ENVIRONMENT:
        raise InvalidOption(f"option 'env' has more than {MAX_ENVIRONMENT} bytes")


def check_cwd(cwd: str) -> None:
    if not cwd:
        return
    if not cwd.startswith("/") or not cwd.isprintable() or len(cwd.encode()) > MAX_PATH:
        raise InvalidOption(f"option 'cwd' must be an absolute path, not {cwd!r}")
    if ".." in cwd.split("/"):
        raise InvalidOption("option 'cwd' must not contain '..'")


def _limits(options: Options) -> Limits:
    def given(name: str, high: int = 2**63 - 1) -> int | None:
        return options.get_int(name, 0, low=1, high=high) if name in options else None

    return Limits(
        timeout_usec=given("timeout_usec"),
        memory_max=given("memory_max"),
        tasks_max=given("tasks_max"),
        cpu_weight=given("cpu_weight", MAX_CPU_WEIGHT),
        output_max=given("output_max"),
    )


def _cut(words: str) -> str:
    """At most MAX_WORDS bytes of it, in whole characters."""
    cut = words.replace("\0", "\ufffd").encode(errors="replace")[:MAX_WORDS]
    return cut.decode(errors="ignore")


def _check_streams(options: Options, request: Request) -> None:
    if not request.pty and ("rows" in options or "columns" in options):
        raise InvalidOption(
            "options 'rows' and 'columns' are a terminal's", hint="with option 'pty'"
        )


def read(command: str, given: Mapping[str, Any], *, start: bool = False) -> Request:
    """start: for Start, whose streams are the caller's; else for Run."""
    for name in given:
        if not start and name in START and name not in RUN:
            raise InvalidOption(f"option {name!r} is for Start", hint="Run collects its output")
    options = Options(given, START if start else RUN)
    _check_command(command)
    request = Request(
        command=command,
        profile=options.get_str("profile"),
        cwd=options.get_str("cwd"),
        env=options.get_map("env"),
        session=options.get_str("session"),
        delegation=options.get_str("delegation"),
        purpose=options.get_str("purpose"),
        words=_cut(options.get_str("words")),
        limits=_limits(options),
        pty=options.get_bool("pty"),
        rows=options.get_int("rows", 0, high=MAX_SIDE),
        columns=options.get_int("columns", 0, high=MAX_SIDE),
        detach=options.get_bool("detach"),
        input=options.get_bool("input", default=True),
        confirm_within_usec=options.get_int(
            "confirm_within_usec", 0, low=1_000_000, high=MAX_CONFIRM_USEC
        )
        if "confirm_within_usec" in options
        else 0,
    )
    if start:
        _check_streams(options, request)
    check_cwd(request.cwd)
    check_environment(request.env)
    if request.purpose not in ("", PROBE):
        raise InvalidOption(f"option 'purpose' can be {PROBE!r} only")
    for name in ("session", "delegation"):
        value = options.get_str(name)
        if len(value) > MAX_NAME or not value.isprintable():
            raise InvalidOption(f"option {name!r} is at most {MAX_NAME} printable characters")
    return request


def _require_outside(caller: Caller) -> None:
    if caller.is_command:
        raise NotAuthorized("what aios runs may not ask aios", hint="ask from outside of it")


def require_person(caller: Caller) -> None:
    """Who may look at jobs, and have a hand in them; each only in their own."""
    _require_outside(caller)
    caller.require_user()


def require_caller(caller: Caller, request: Request) -> None:
    """Who may call at all; policy says what for."""
    if caller.machine:
        raise NotAuthorized("nobody in a machine may call exec", hint="ask aios there: `aios`")
    _require_outside(caller)
    if caller.is_service(CHAT):
        if not request.delegation:
            raise NotAuthorized(
                f"{CHAT} runs nothing by itself", hint="it needs a person's live delegation"
            )
        return
    caller.require_user()
