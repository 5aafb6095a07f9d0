"""`aios`: the prompt, one prompt, or one of the commands below."""

import sys

from aios import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from aios.client.ask import MakeLines

COMMANDS = {
    "plan": "the command that a prompt would become; nothing is run",
    "exec": "run one command in a machine, governed",
    "jobs": "commands that run",
    "attach": "what a detached one printed and prints",
    "cancel": "stop one",
    "confirm": "keep what would be undone",
    "policy": "what would be decided about a command, and why",
    "approvals": "commands that wait for a human",
    "approve": "let one of them run",
    "reject": "refuse one of them",
    "history": "what was run, from the memory that all machines share",
    "memory": "search, add to and list that memory",
    "mcp": "the same hands for other AIs, and MCP servers for aios",
    "machine": "make, start, copy and remove machines",
    "log": "the audit: what was asked for, decided and done",
    "status": "services, machines, what waits and what was done",
    "doctor": "what is wrong with this installation, and what to do",
    "sessions": "conversations to go on with",
    "init": "Alt-E in bash, zsh or fish: the line typed becomes a command",
}
_MODULES = {
    "approve": "approvals", "reject": "approvals",
    "attach": "jobs", "cancel": "jobs", "confirm": "jobs",
}  # fmt: skip
_TAKES_MACHINE = {"plan", "exec", "jobs", "attach", "cancel", "policy", "history", "log", "doctor"}

_ID = "[0-9A-HJKMNP-TV-Z]{6,26}"
"""A session's, or the end of one."""


def main(argv: "Sequence[str] | None" = None, lines: "MakeLines | None" = None) -> int:
    """lines: makes the editor of the prompt, where this interpreter has one."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # The rest imports more than this needs.
    if arguments == ["--version"]:
        print(f"aios {__version__}")
        return 0
    _open_streams()
    from aios.client.varlink import FAILED, ClientError

    try:
        try:
            return _run(arguments, lines)
        finally:
            # Here, where an error in it can still be told.
            sys.stdout.flush()
    except ClientError as error:
        from aios.client.terminal import print_error

        print_error(error.message, error.hint)
        return error.status
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Nobody reads on.
        _discard_output()
        return 141
    except OSError as error:
        _discard_output()
        print(f"aios: {error}", file=sys.stderr)
        return FAILED


def program() -> "NoReturn":
    """`main`, as a process of its own. The interpreter's end, in which it takes apart what the
    kernel drops at once, would take a tenth of an `aios exec`; nothing here is left to it."""
    import os

    status = main()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        sys.exit(status)
    os._exit(status)


def _open_streams() -> None:
    """The three streams, whoever started us and however."""
    import io
    import os

    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115, PTH123
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A locale without 雪 shall not end the answer.
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Python flushes once more at its end, and would report the same error again."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str], lines: "MakeLines | None") -> int:
    front, rest = _front(arguments)
    if rest and rest[0] in COMMANDS:
        return _command(rest[0], front, rest[1:])
    return _prompt(arguments, rest, lines)


def _front(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Options before the first word, and from that word on. After `--` words are a prompt."""
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        if arguments[place] == "--":
            return arguments, []
        place += 2 if arguments[place] in ("-m", "--machine", "--wait-approval") else 1
    return arguments[:place], arguments[place:]


def _command(name: str, front: list[str], arguments: list[str]) -> int:
    if front and name not in _TAKES_MACHINE:
        raise _usage(f"{front[0]} says nothing to `aios {name}`")
    if name == "exec":
        from aios.client import own_rules
        from aios.client.commands import exec

        own_rules.hand_over()
        return exec.main(name, [*front, *arguments])
    from importlib import import_module

    module = import_module(f"aios.client.commands.{_MODULES.get(name, name)}")
    status: int = module.main(name, [*front, *arguments])
    return status


def _usage(message: str) -> SystemExit:
    print(f"aios: {message}\n  aios --help", file=sys.stderr)
    return SystemExit(2)


def _prompt(arguments: list[str], rest: list[str], lines: "MakeLines | None") -> int:
    from aios.client import ask

    given = ask.arguments(_joined(arguments), COMMANDS)
    if len(given.words) == 1 and rest and rest[0] == given.words[0]:
        _spelling(rest[0])
    if lines is None and ask.wants_editor(given):
        from aios.client import child

        if child.available():
            return child.run(arguments)
    _hand_over()
    return ask.main(given, lines)


def _hand_over() -> None:
    from aios.client import own_rules, own_servers

    own_rules.hand_over()
    own_servers.hand_over()


def _joined(arguments: list[str]) -> list[str]:
    """`--resume ID` as `--resume=ID`: without an ID, a prompt may follow."""
    import re

    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--resume" and re.fullmatch(_ID, argument):
            joined[-1] = f"--resume={argument}"
        else:
            joined.append(argument)
    return joined


def _spelling(word: str) -> None:
    """One word that is nearly a command's name is no prompt."""
    if word == "help":
        raise SystemExit(main(["--help"]))
    if not word.isascii() or not word.islower() or len(word) > 12:
        return
    from difflib import get_close_matches

    if near := get_close_matches(word, COMMANDS, n=1, cutoff=0.8):
        raise _usage(f"no command {word!r}: did you mean {near[0]!r}? As a prompt: aios -- {word}")


if __name__ == "__main__":
    program()
