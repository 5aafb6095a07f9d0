"""aios status: what runs, what waits, what was done last."""

from argparse import ArgumentParser
from collections.abc import Sequence

from aios.client import place
from aios.client.dashboard import look, view
from aios.client.terminal import Terminal
from aios.text import print_json


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios status",
        description="The services' sockets and states, the machines under aios, what waits for"
        " approval, the last commands and refusals. A service that nobody needs does not run: it is"
        " idle. Nothing is started: systemd, the journal and files are looked at.",
        epilog="exit status: 0 everything can be reached; 1 something cannot.",
    )
    parser.add_argument("--json", action="store_true", help="one object; with --watch, a line each")
    parser.add_argument(
        "--watch", "-w", action="store_true", help="in place, as things happen; q leaves"
    )
    given = parser.parse_args(arguments)
    terminal = Terminal()
    if given.watch:
        place.require_host("what can be watched", "There: aios status --watch")
        from aios.client.dashboard import watch

        if given.json:
            return watch.lines()
        if not terminal.draws:
            parser.error("--watch draws on a terminal; elsewhere: --watch --json")
        return watch.draw(terminal)
    found = look.from_machine() if place.in_machine() else look.from_host()
    if given.json:
        print_json(found)
    else:
        for text, style in view.lines(found, terminal.width):
            terminal.line(text, style)
    return 0 if look.healthy(found) else 1
