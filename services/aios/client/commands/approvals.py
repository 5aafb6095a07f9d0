"""aios approvals, approve and reject."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from aios.client import approval, card, place
from aios.client.terminal import Terminal, keys, read_key
from aios.client.varlink import ERROR_PREFIX, NOT_APPROVED, ClientError

_FIELDS = ("id", "command", "machine", "uid", "expires_usec", "rule")


def pending() -> list[dict[str, Any]]:
    requests = place.look_up("policy", f"{place.POLICY}.ListPending", {})["requests"]
    return [dict(zip(_FIELDS, request, strict=True)) for request in requests]


def main(name: str, arguments: Sequence[str]) -> int:
    return {"approvals": _list, "approve": _approve, "reject": _reject}[name](arguments)


def _list(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios approvals", description="Commands that wait for a human, the oldest first."
    )
    parser.add_argument("--json", action="store_true", help="one list of objects")
    given = parser.parse_args(arguments)
    requests = pending()
    if given.json:
        print(json.dumps(requests, ensure_ascii=False))
        return 0
    terminal = Terminal()
    if not requests:
        terminal.note("Nothing waits for approval.")
    for request in requests:
        terminal.line(f"{request['id']}  {request['command']}", "bold")
        terminal.line(
            f"  in {request['machine']}, for {_user(request['uid'])}, expires"
            f" {card.expires_in(request['expires_usec'])}, by {request['rule']}"
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
        card.show(terminal, _as_shown(request))
        if not _says_yes(terminal):
            terminal.note("Not approved; it still waits: aios reject refuses it.")
            return NOT_APPROVED
    approval.approve(given.id)
    terminal.note(f"approved: {request['command']}", "green")
    return 0


def _as_shown(request: dict[str, Any]) -> dict[str, Any]:
    return {
        **request,
        "user": _user(request["uid"]),
        "expires": request["expires_usec"],
    }


def _says_yes(terminal: Terminal) -> bool:
    with keys() as fd:
        terminal.ask(approval.QUESTION)
        while (key := read_key(fd).lower()) != "y" and key not in approval.NO:
            terminal.ask(approval.QUESTION)
    terminal.stream(("yes" if key == "y" else "no") + "\n", aside=True)
    return key == "y"


def _find(request_id: str) -> dict[str, Any]:
    for request in pending():
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
