"""aios exec: one command, its streams and its exit status."""

import base64
import json
import secrets
import shlex
import sys
from argparse import REMAINDER, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any

from aios.client import place
from aios.client.answer import BLOCKED
from aios.client.approval import asked
from aios.client.governed import Delegation, follow
from aios.client.terminal import Terminal
from aios.client.varlink import ERROR_PREFIX, ClientError, Connection, Disconnected

TIMED_OUT = 124
EPILOG = """\
Several words are one command with its arguments; one word is a bash command line:
  aios exec -- grep -r 'two words' /etc
  aios exec -- 'df -h | head -3'

exit status: the command's; 128+n when signal n ended it; 124 time-out; 3 approval not given;
126 denied; 125 aios itself failed.
"""


def main(name: str, arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    command = _command_line(words)
    place.require_host(
        "aios exec", "Here a command just runs; `!COMMAND` at the prompt governs it."
    )
    machine = given.machine or place.DEFAULT_MACHINE
    path = place.exec_socket(machine)
    # Requests for approval of this very call are told to whoever delegates to its session.
    session = f"exec-{secrets.token_hex(8)}"
    waiting = asked(Terminal(), given.wait_approval)
    try:
        with Delegation(session, machine) as delegation, Connection(path) as call:
            parameters = {"command": command, "options": {**_options(given), "session": session}}
            call.send(f"{place.EXEC}.Run", parameters)
            answer = follow(call, delegation, waiting, lambda event: None)
    except Disconnected as error:
        # It is not sent again: it may have run.
        raise ClientError(error.name, error.message, "aios log shows what became of it.") from error
    return _show(answer, as_json=given.json)


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(
        prog="aios exec",
        description="Runs one command in a machine, governed and recorded.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        usage="aios exec [-m MACHINE] [OPTIONS…] -- COMMAND…",
    )
    parser.add_argument("-m", "--machine", help="default: aios; .host is the host itself")
    parser.add_argument("--json", action="store_true", help="one object: streams and details")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="stop it after that")
    parser.add_argument("--cwd", metavar="DIR", help="where it runs")
    parser.add_argument("--profile", metavar="NAME", help="what the kernel allows it")
    parser.add_argument(
        "--wait-approval", type=float, metavar="SECONDS", help="do not ask here; wait that long"
    )
    parser.add_argument("command", nargs=REMAINDER, metavar="COMMAND")
    given = parser.parse_args(arguments)
    if not given.command or given.command == ["--"]:
        parser.error("no COMMAND")
    if given.timeout is not None and given.timeout <= 0:
        parser.error("--timeout is more than 0")
    return given


def _command_line(words: list[str]) -> str:
    command = words[0] if len(words) == 1 else shlex.join(words)
    try:
        command.encode()
    except UnicodeEncodeError as error:
        raise ClientError(ERROR_PREFIX + "InvalidCommand", "the command is not UTF-8") from error
    return command


def _options(given: Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if given.timeout is not None:
        options["timeout_usec"] = int(given.timeout * 1_000_000)
    if given.cwd is not None:
        options["cwd"] = given.cwd
    if given.profile is not None:
        options["profile"] = given.profile
    return options


def _show(answer: dict[str, Any], *, as_json: bool) -> int:
    details = answer.get("details") or {}
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            raw = details.get(f"{name}_raw")
            data = base64.b64decode(raw) if raw else str(answer.get(name, "")).encode()
            stream.buffer.write(data)
            stream.flush()
        if details.get("truncated"):
            print(f"aios: {details['truncated']} bytes of output left out", file=sys.stderr)
        if details.get("profile_blocked"):
            print(f"aios: {BLOCKED}", file=sys.stderr)
    if details.get("ended") == "timeout":
        return TIMED_OUT
    return int(answer["exit_status"])
