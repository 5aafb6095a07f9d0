"""`aios [PROMPT]`: its arguments, and the session and terminal that they ask for."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping

from aios import __version__
from aios.client import output, place, prompt, sessions
from aios.client.approval import MAX_WAIT_SECONDS, asked
from aios.client.session import Session
from aios.client.terminal import Terminal
from aios.client.typed import Lines, Typed

MakeLines = Callable[[Terminal], Lines]

EPILOG = """\
Without PROMPT, `[aios] >` opens; when the input is no terminal, each of its lines is a prompt.
`!COMMAND` as a prompt runs COMMAND without asking a model. `exit` or Ctrl-D leaves, Ctrl-C stops
an answer; /help there says the rest. What is piped to `aios PROMPT` goes along as data. Options
come before a command's name; `aios COMMAND --help` says more.

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


def arguments(given: list[str], commands: Mapping[str, str]) -> argparse.Namespace:
    listed = "\n".join(f"  {name:<10} {what}" for name, what in commands.items())
    parser = argparse.ArgumentParser(
        prog="aios",
        description="Say what you want; see what will run; it runs in the machine, governed.",
        epilog=EPILOG.format(commands=listed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="aios [-m MACHINE] [--resume [ID] | --continue] [--plain] [--json] [PROMPT]\n"
        "       aios [-m MACHINE] COMMAND …",
    )
    parser.add_argument("-m", "--machine", help="the machine that it is about")
    parser.add_argument(
        "--wait-approval",
        type=float,
        metavar="SECONDS",
        help="do not ask here; how long somebody may take to approve elsewhere"
        " (without a terminal: 60)",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", nargs="?", const="", metavar="ID", help="go on with a session; without ID, ask"
    )
    again.add_argument(
        "--continue", dest="last", action="store_true", help="go on with the last session"
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--plain", action="store_true", help="for screen readers: text as it comes, no drawing"
    )
    shown.add_argument("--json", action="store_true", help="each event as a line of JSON")
    parser.add_argument("--version", action="version", version=f"aios {__version__}")
    parser.add_argument("words", nargs="*", metavar="PROMPT", help=argparse.SUPPRESS)
    found = parser.parse_intermixed_args(given)
    if found.wait_approval is not None and not 0 <= found.wait_approval <= MAX_WAIT_SECONDS:
        parser.error(f"--wait-approval is 0 to {MAX_WAIT_SECONDS}")
    if found.json and not found.words and sys.stdin.isatty():
        parser.error("--json wants a PROMPT, or prompts on standard input")
    return found


def wants_editor(given: argparse.Namespace) -> bool:
    """A prompt on a terminal that can draw."""
    return not (
        given.words
        or given.plain
        or os.environ.get("TERM", "dumb") == "dumb"
        or not (sys.stdin.isatty() and sys.stdout.isatty())
    )


def main(given: argparse.Namespace, make_lines: MakeLines | None) -> int:
    terminal = Terminal(plain=given.plain, aside=sys.stderr if given.json else None)
    lines = make_lines(terminal) if make_lines else Typed(terminal) if terminal.has_person else None
    kept = _kept(given, terminal, lines)
    machine = given.machine
    if machine is None:
        machine = kept.machine if kept else place.default_machine()
    interactive = not given.words and sys.stdin.isatty()
    session = Session(
        machine,
        terminal,
        # What is run as it is has no model that would read why not.
        lambda text: asked(terminal, given.wait_approval, lines, why=not text.startswith("!")),
        resume=kept.id if kept else "",
        records=output.records() if interactive and sys.stdout.isatty() else None,
        as_json=given.json,
    )
    if given.words:
        from aios.client import piped

        return prompt.once(session, piped.with_prompt(" ".join(given.words)))
    if not interactive:
        return prompt.batch(session, sys.stdin)
    if kept:
        session.open()
        sessions.replay(terminal, session.id, session.machine, session.records)
    return prompt.interactive(session, terminal, lines or Typed(terminal))


def _kept(
    given: argparse.Namespace, terminal: Terminal, lines: Lines | None
) -> sessions.Kept | None:
    """The session to go on with, if any."""
    if given.last:
        return sessions.find("")
    if given.resume is None:
        return None
    if given.resume or lines is None:
        return sessions.find(given.resume)
    return sessions.choose(terminal, lines)
