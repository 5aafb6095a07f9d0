"""aios sessions: one's own conversations, to go on with."""

from argparse import ArgumentParser
from collections.abc import Sequence

from aios.client import sessions
from aios.client.terminal import Terminal
from aios.text import print_json


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios sessions",
        description="Your conversations, last used first. `aios --resume ID` goes on with one,"
        " `aios --continue` with the first.",
        epilog="exit status: 0; 125 aios itself failed.",
    )
    parser.add_argument("--json", action="store_true", help="one list of objects")
    given = parser.parse_args(arguments)
    found = sessions.listed()
    if given.json:
        print_json(found)
    else:
        sessions.show(Terminal(), found)
    return 0
