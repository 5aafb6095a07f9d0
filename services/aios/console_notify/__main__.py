"""aios-console-notify@ID: a pending request on the consoles of who may approve it. Its only input
is the id; what is shown comes from policy."""

import grp
import os
import pwd
import sys

from aios.client import system_bus
from aios.client.system_bus import APPROVERS
from aios.client.varlink import ClientError
from aios.console_notify import note, terminals
from aios.ids import is_id


def approvers() -> set[int]:
    """uids of the group's members."""
    try:
        group = grp.getgrnam(APPROVERS)
    except KeyError:
        return set()
    return {
        account.pw_uid
        for account in pwd.getpwall()
        if account.pw_gid == group.gr_gid or account.pw_name in group.gr_mem
    }


def show(request_id: str) -> int:
    with system_bus.connection() as bus:
        (requests,) = system_bus.policy(bus, "ListPending", "", ())
        found = [request for request in requests if request[0] == request_id]
        if not found:
            # Somebody was faster.
            return 0
        _, command, machine, uid, _, rule = found[0]
        wanted = terminals.of_sessions(bus, approvers())
    text = note.text(request_id, command=command, machine=machine, user=_name(uid), rule=rule)
    # In a container the console is a link to one of its terminals.
    wanted.append((terminals.CONSOLE.resolve(), os.getuid()))
    shown = [terminals.write(path, owner, text) for path, owner in wanted]
    if not any(shown):
        print("no console and no terminal of an approver took it", file=sys.stderr)
        return 1
    return 0


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def main() -> int:
    request_id = sys.argv[1]
    if not is_id(request_id):
        print(f"not a request's id: {request_id!r}", file=sys.stderr)
        return 1
    try:
        return show(request_id)
    except ClientError as error:
        print(error.message, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
