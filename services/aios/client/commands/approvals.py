"""aios approvals (and its `grants` and `revoke`), approve and reject."""

import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Sequence
from typing import Any

from aios.client import approval, card, place, watch
from aios.client.terminal import Terminal, keys, read_key
from aios.client.varlink import ERROR_PREFIX, NOT_APPROVED, ClientError
from aios.text import print_json, visible

_FIELDS = ("id", "command", "machine", "uid", "expires_usec", "rule")


def pending() -> list[dict[str, Any]]:
    requests = place.look_up("policy", f"{place.POLICY}.ListPending", {})["requests"]
    return [dict(zip(_FIELDS, request, strict=True)) for request in requests]


def main(name: str, arguments: Sequence[str]) -> int:
    return {"approvals": _list, "approve": _approve, "reject": _reject}[name](arguments)


def _list(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios approvals",
        description="Commands that wait for a human, the oldest first.",
        usage="aios approvals [--watch [--notify]] [--json]\n"
        "       aios approvals grants [--json]\n"
        "       aios approvals revoke ID…",
        epilog="`grants` lists what was granted for a session, `revoke` ends such a grant.",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="on a terminal ask about each as it comes; else, or with --json, a line each",
    )
    parser.add_argument(
        "--notify",
        action="store_true",
        help="with --watch: a desktop notification each (the user unit aios-approvals.service)",
    )
    parser.add_argument("--json", action="store_true", default=False, help="one list of objects")
    actions = parser.add_subparsers(dest="action", metavar="grants|revoke")
    grants = actions.add_parser("grants", description="What is granted for a session.")
    grants.add_argument("--json", action="store_true", default=SUPPRESS, help="a list of objects")
    revoke = actions.add_parser("revoke", description="Ends grants.")
    revoke.add_argument("ids", nargs="+", metavar="ID", help="as `aios approvals grants` shows it")
    given = parser.parse_args(arguments)
    if given.action == "grants":
        return _grants(as_json=given.json)
    if given.action == "revoke":
        for grant_id in given.ids:
            place.call("policy", f"{place.POLICY}.RevokeGrant", {"id": grant_id})
        return 0
    if given.notify:
        if not given.watch or given.json:
            parser.error("--notify goes with --watch, and without --json")
        from aios.client import notify

        return notify.run(Terminal())
    if given.watch:
        terminal = Terminal()
        if terminal.has_person and not given.json:
            return watch.ask(terminal)
        return watch.lines(terminal, as_json=given.json)
    requests = pending()
    if given.json:
        print_json(requests)
        return 0
    terminal = Terminal()
    if not requests:
        terminal.note("Nothing waits for approval.")
    for request in requests:
        terminal.line(f"{request['id']}  {visible(request['command'])}", "bold")
        terminal.line(
            f"  in {request['machine']}, for {_user(request['uid'])}, expires"
            f" {card.expires_in(request['expires_usec'])}, by {request['rule']}"
        )
    return 0


def _grants(*, as_json: bool) -> int:
    grants = place.look_up("policy", f"{place.POLICY}.ListGrants", {})["grants"]
    if as_json:
        print_json(grants)
        return 0
    terminal = Terminal()
    if not grants:
        terminal.note("Nothing is granted for a session.")
    for grant in grants:
        spelling = "exactly so" if grant["exact"] else "however it is spelled"
        terminal.line(f"{grant['id']}  {visible(grant['command'])}", "bold")
        terminal.line(
            f"  {spelling}, in {grant['machine']}, for {grant['user']}, by {grant['by_user']},"
            f" expires {card.expires_in(grant['expires_usec'])} or with session {grant['session']}"
        )
    return 0


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _approve(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios approve",
        description="Lets a command that waits run, once. On a terminal it is shown and asked about"
        " first; without one, giving its ID is the yes.",
        epilog="exit status: 0 approved; 3 you said no; 125 it could not be approved.",
    )
    parser.add_argument("id", metavar="ID", help="as `aios approvals` shows it")
    given = parser.parse_args(arguments)
    request = _find(given.id)
    terminal = Terminal()
    if terminal.has_person:
        card.show(terminal, request)
        if not _says_yes(terminal):
            terminal.note("Not approved; it still waits: aios reject refuses it.")
            return NOT_APPROVED
    approval.approve(given.id)
    terminal.note(f"approved: {visible(request['command'])}", "green")
    return 0


def _says_yes(terminal: Terminal) -> bool:
    with keys() as fd:
        terminal.ask(approval.QUESTION)
        while (key := read_key(fd).lower()) != "y" and key not in approval.NO:
            terminal.ask(approval.QUESTION)
    terminal.stream(("yes" if key == "y" else "no") + "\n", aside=True)
    return key == "y"


def _find(request_id: str) -> dict[str, Any]:
    for request in watch.pending():
        if request["id"] == request_id:
            return request
    raise ClientError(
        ERROR_PREFIX + "NotFound", f"no request {request_id} waits", "aios approvals lists them"
    )


def _reject(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(prog="aios reject", description="Refuses a command that waits.")
    parser.add_argument("id", metavar="ID", help="as `aios approvals` shows it")
    parser.add_argument("reason", nargs="*", metavar="REASON", help="told to whoever asked")
    given = parser.parse_args(arguments)
    approval.reject(given.id, " ".join(given.reason))
    if sys.stdout.isatty():
        print("rejected")
    return 0
