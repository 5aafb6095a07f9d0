"""aios exec: one command, its streams and its exit status; or one on many machines."""

from __future__ import annotations

import os
import sys

from aios.client import place
from aios.client.varlink import ERROR_PREFIX, ClientError, Connection, Disconnected, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

EPILOG = """\
Several words are one command with its arguments; one word is a bash command line:
  aios exec -- grep -r 'two words' /etc
  aios exec -- 'df -h | head -3'
  tar -c . | aios exec -- tar -xC /srv
  aios exec --pty -- top
  aios exec -m 'web*' -- uptime

Ctrl-C interrupts the command, a second one leaves at once. With several machines (-m with a
pattern, or several times) every line says where it is from, and nothing is read from here.

exit status: the command's; 128+n when signal n ended it; 124 time-out; 3 approval not given;
126 denied; 125 aios itself failed; of several machines the worst.
"""

_SAFE = frozenset("%+,-./0123456789:=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")


class Given:
    """The arguments."""

    def __init__(self) -> None:
        self.machine: list[str] | None = None
        self.pty = self.detach = self.json = False
        self.timeout: float | None = None
        self.confirm_within: float | None = None
        self.wait_approval: float | None = None
        self.cwd: str | None = None
        self.profile: str | None = None
        self.session: str | None = None
        self.command: list[str] = []


def main(name: str, arguments: Sequence[str]) -> int:
    given = _plain(arguments) or _parse(arguments)
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    command = _command_line(words)
    place.require_host(
        "aios exec", "Here a command just runs; `!COMMAND` at the prompt governs it."
    )
    asked_for = given.machine or [place.hosts_machine()]
    if len(asked_for) > 1 or any(character in asked_for[0] for character in "*?["):
        from aios.client import machines, many

        if given.pty:
            raise ClientError(ERROR_PREFIX + "InvalidOption", "--pty is for one machine")
        return many.run(
            machines.matching(asked_for), command, _options(given), wait=given.wait_approval,
            mode="json" if given.json else "detach" if given.detach else "",
        )  # fmt: skip
    machine = asked_for[0]
    if given.pty and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ClientError(ERROR_PREFIX + "InvalidOption", "--pty needs a terminal", "Without it?")
    path = place.exec_socket(machine)
    try:
        if given.json:
            return _show(_ask(path, machine, "Run", command, given)[1].parameters)
        call, reply = _ask(path, machine, "Start", command, given)
    except Disconnected as error:
        # It is not sent again: it may have run.
        raise ClientError(error.name, error.message, "aios log shows what became of it.") from error
    from aios.client import foreground

    guarded = given.confirm_within is not None
    return foreground.run(path, call, reply, detach=given.detach, pty=given.pty, guarded=guarded)


def _ask(
    path: str, machine: str, method: str, command: str, given: Given
) -> tuple[Connection, Reply]:
    """The answer, and the connection that it came on."""
    # Requests for approval of this very call are told to whoever delegates to its session.
    session = given.session or f"exec-{os.urandom(8).hex()}"
    parameters = {"command": command, "options": {**_options(given), "session": session}}
    call = Connection(path)
    try:
        call.send(f"{place.EXEC}.{method}", parameters, more=True)
        if method == "Start":
            # What is wanted next is read while the answer is on its way.
            from aios.client import foreground  # noqa: F401
        while True:
            replies = call.pull()
            # A human may have been faster than we are: then the answer came with it.
            for reply in replies:
                if not reply.continues:
                    return call, reply
            if any("pending" in reply.parameters for reply in replies):
                return call, _approved(call, session, machine, given)
    except BaseException:
        call.close()
        raise


def _approved(call: Connection, session: str, machine: str, given: Given) -> Reply:
    """The answer, which waits for a human."""
    from aios.client.approval import asked
    from aios.client.governed import Delegation, follow
    from aios.client.terminal import Terminal

    waiting = asked(Terminal(), given.wait_approval)
    with Delegation(session, machine) as delegation:
        return follow(call, delegation, waiting, lambda event: None)


def _plain(arguments: Sequence[str]) -> Given | None:
    """The arguments where they are as most are; None: `_parse` says what they are."""
    given = Given()
    place = 0
    while place < len(arguments):
        argument = arguments[place]
        if not argument.startswith("-") or (argument == "--" and place + 1 < len(arguments)):
            given.command = list(arguments[place:])
            return given
        value = arguments[place + 1] if place + 1 < len(arguments) else "-"
        if value.startswith("-"):
            return None
        if argument in ("-m", "--machine"):
            given.machine = [*(given.machine or ()), value]
        elif argument in ("--cwd", "--profile", "--session"):
            setattr(given, argument[2:], value)
        else:
            return None
        place += 2
    return None


def _parse(arguments: Sequence[str]) -> Given:
    from argparse import REMAINDER, ArgumentParser, RawDescriptionHelpFormatter

    from aios.client.approval import MAX_WAIT_SECONDS

    parser = ArgumentParser(
        prog="aios exec",
        description="Runs one command in a machine, governed and recorded.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        usage="aios exec [-m MACHINE]… [OPTIONS…] -- COMMAND…",
    )
    parser.add_argument(
        "-m", "--machine", action="append",
        help="default: aios; .host is the host itself; a pattern means all that run and match",
    )  # fmt: skip
    parser.add_argument("--pty", action="store_true", help="on this terminal, as vim and top want")
    parser.add_argument(
        "--detach", action="store_true", help="print its id and leave it to run: aios attach ID"
    )
    parser.add_argument("--json", action="store_true", help="one object: streams and details")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="stop it after that")
    parser.add_argument("--cwd", metavar="DIR", help="where it runs")
    parser.add_argument("--profile", metavar="NAME", help="what the kernel allows it")
    parser.add_argument(
        "--session", metavar="NAME", help="`cd` and `export` hold for the next one with that name"
    )
    parser.add_argument(
        "--confirm-within", type=float, metavar="SECONDS",
        help="undo it unless `aios confirm ID` comes by then (on .host)",
    )  # fmt: skip
    parser.add_argument(
        "--wait-approval", type=float, metavar="SECONDS", help="do not ask here; wait that long"
    )
    parser.add_argument("command", nargs=REMAINDER, metavar="COMMAND")
    given = parser.parse_args(arguments, Given())
    if not given.command or given.command == ["--"]:
        parser.error("no COMMAND")
    for seconds, option in ((given.timeout, "timeout"), (given.confirm_within, "confirm-within")):
        if seconds is not None and not 0 < seconds < 10**12:
            parser.error(f"--{option} is more than 0")
    if given.wait_approval is not None and not 0 <= given.wait_approval <= MAX_WAIT_SECONDS:
        parser.error(f"--wait-approval is 0 to {MAX_WAIT_SECONDS}")
    if given.json and (given.pty or given.detach):
        parser.error("--json collects what the others do not")
    return given


def _command_line(words: list[str]) -> str:
    command = words[0] if len(words) == 1 else " ".join(map(_quoted, words))
    try:
        command.encode()
    except UnicodeEncodeError as error:
        raise ClientError(ERROR_PREFIX + "InvalidCommand", "the command is not UTF-8") from error
    return command


def _quoted(word: str) -> str:
    """As shlex.quote has it, whose import takes longer."""
    if word and all(char in _SAFE for char in word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _options(given: Given) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, seconds in (("timeout", given.timeout), ("confirm_within", given.confirm_within)):
        if seconds is not None:
            options[f"{name}_usec"] = int(seconds * 1_000_000)
    for name in ("cwd", "profile", "session"):
        if getattr(given, name) is not None:
            options[name] = getattr(given, name)
    if given.detach:
        options["detach"] = True
    if given.pty:
        from aios.client import screen

        rows, columns = screen.size()
        options |= {"pty": True, "rows": rows, "columns": columns}
        if term := os.environ.get("TERM"):
            options["env"] = {"TERM": term}
    return options


def _show(answer: dict[str, Any]) -> int:
    from aios.client.job import End
    from aios.text import print_json

    print_json(answer)
    return End(int(answer["exit_status"]), answer.get("details") or {}).status
