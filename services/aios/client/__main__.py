"""`aios`: the prompt, one prompt, or one of the commands below."""

import sys
from collections.abc import Sequence

from aios import __version__

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
    "log": "the audit: what was asked for, decided and done",
    "status": "services, machines and sockets",
}
_MODULES = {
    "approve": "approvals", "reject": "approvals",
    "attach": "jobs", "cancel": "jobs", "confirm": "jobs",
}  # fmt: skip
_TAKES_MACHINE = {"plan", "exec", "jobs", "attach", "cancel", "policy", "history"}

EPILOG = """\
Without PROMPT, `[aios] >` opens; when the input is no terminal, each of its lines is a prompt.
`!COMMAND` as a prompt runs COMMAND without asking a model. `exit` or Ctrl-D leaves, Ctrl-C stops
an answer. Options come before a command's name; `aios COMMAND --help` says more.

commands:
{commands}

exit status:
  0    everything asked for was done
  1    a command that was run failed, or the answer did
  2    these arguments are wrong
  3    an approval was needed and not given
  4    the prompt was not understood surely enough; nothing was run
  125  aios itself failed
  126  policy denies the command
  130  stopped by Ctrl-C
  Of several prompts the worst, in the order 0 4 1 3 126 125.
"""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    # The rest imports more than this needs.
    if arguments == ["--version"]:
        print(f"aios {__version__}")
        return 0
    _open_streams()
    from aios.client.varlink import FAILED, ClientError

    try:
        try:
            return _run(arguments)
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


def _open_streams() -> None:
    """The three streams, whoever started us and however."""
    import io
    import os

    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115, PTH123
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")


def _discard_output() -> None:
    """Python flushes once more at its end, and would report the same error again."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    front, rest = _front(arguments)
    if rest and rest[0] in COMMANDS:
        return _command(rest[0], front, rest[1:])
    return _prompt(arguments, rest)


def _front(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Options before the first word, and from that word on. After `--` words are a prompt."""
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        if arguments[place] == "--":
            return arguments, []
        place += 2 if arguments[place] in ("-m", "--machine", "--wait-approval") else 1
    return arguments[:place], arguments[place:]


def _command(name: str, front: list[str], arguments: list[str]) -> int:
    from importlib import import_module

    if front and name not in _TAKES_MACHINE:
        raise _usage(f"{front[0]} says nothing to `aios {name}`")
    if name == "exec":
        _hand_over()
    module = import_module(f"aios.client.commands.{_MODULES.get(name, name)}")
    status: int = module.main(name, [*front, *arguments])
    return status


def _usage(message: str) -> SystemExit:
    print(f"aios: {message}\n  aios --help", file=sys.stderr)
    return SystemExit(2)


def _prompt(arguments: list[str], rest: list[str]) -> int:
    import argparse

    commands = "\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="aios",
        description="Say what you want; see what will run; it runs in the machine, governed.",
        epilog=EPILOG.format(commands=commands),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="aios [-m MACHINE] [PROMPT]\n       aios [-m MACHINE] COMMAND …",
    )
    parser.add_argument("-m", "--machine", help="the machine that it is about")
    parser.add_argument(
        "--wait-approval",
        type=float,
        metavar="SECONDS",
        help="do not ask here; how long somebody may take to approve elsewhere"
        " (without a terminal: 60)",
    )
    parser.add_argument("--version", action="version", version=f"aios {__version__}")
    parser.add_argument("words", nargs="*", metavar="PROMPT", help=argparse.SUPPRESS)
    given = parser.parse_intermixed_args(arguments)
    if len(given.words) == 1 and rest and rest[0] == given.words[0]:
        _spelling(rest[0])

    from aios.client import place, prompt
    from aios.client.approval import asked
    from aios.client.session import Session
    from aios.client.terminal import Terminal

    _hand_over()
    terminal = Terminal()
    machine = place.default_machine() if given.machine is None else given.machine
    session = Session(machine, terminal, lambda: asked(terminal, given.wait_approval))
    if given.words:
        return prompt.once(session, " ".join(given.words))
    if sys.stdin.isatty():
        return prompt.interactive(session, terminal)
    return prompt.batch(session, sys.stdin)


def _hand_over() -> None:
    from aios.client import own_rules

    own_rules.hand_over()


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
    sys.exit(main())
