"""What polkit is asked about a request: may this person approve it?"""

from aios.bus import Bus
from aios.caller import Caller
from aios.policy.requests import Request
from aios.polkit import Check
from aios.text import visible

ONCE = "org.aios.policy.approve"
FOR_SESSION = "org.aios.policy.approve-session"


def check(bus: Bus, caller: Caller, request: Request, *, grant: bool) -> Check:
    action = FOR_SESSION if grant else ONCE
    return Check(bus, caller, action, details(request), what="approve this command")


def details(request: Request) -> dict[str, str]:
    return {
        "command": visible(request.command),
        "machine": visible(request.machine),
        # Not "user": polkit puts the person who is to authenticate there.
        "person": visible(request.user),
        "cwd": visible(request.cwd),
        "rule": visible(request.rule),
        "id": request.id,
    }
