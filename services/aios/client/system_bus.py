"""The host's system bus. jeepney is in aios's own venv, which a client on the standard library
alone does not see: it is found when an approval or `aios status` needs it."""

import grp
import os
import pwd
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aios.client.varlink import UNAVAILABLE, ClientError

VENV = Path("/usr/lib/aios/venv")
APPROVERS = "aios-admin"
"""polkit's rules file lets its members approve without a password."""
AGENT_SECONDS = 5
_GONE = frozenset(
    f"org.freedesktop.DBus.Error.{kind}"
    for kind in ("NoReply", "ServiceUnknown", "NameHasNoOwner", "Disconnected", "TimedOut")
)


@contextmanager
def connection() -> Iterator[Any]:
    """A jeepney connection to the system bus."""
    try:
        import jeepney
    except ImportError:
        sys.path += [str(path) for path in VENV.glob("lib/python3*/site-packages")]
        try:
            import jeepney  # noqa: F401
        except ImportError as error:
            raise ClientError(
                UNAVAILABLE, f"no jeepney in {VENV}", "Install aios again."
            ) from error
    from jeepney import DBusErrorResponse
    from jeepney.io.blocking import open_dbus_connection

    try:
        bus = open_dbus_connection("SYSTEM")
    except DBusErrorResponse as error:
        said = str(error.data[0]) if error.data else error.name
        raise ClientError(UNAVAILABLE, f"the system bus does not let us in: {said}") from error
    except (OSError, EOFError) as error:
        raise ClientError(UNAVAILABLE, f"no system bus: {error}") from error
    with bus:
        yield bus


def call(
    bus: Any,
    name: str,
    path: str,
    interface: str,
    member: str,
    signature: str,
    body: tuple[Any, ...],
) -> tuple[Any, ...]:
    """The reply's body. Raises ClientError."""
    from jeepney import DBusAddress, DBusErrorResponse, MessageFlag, new_method_call

    message = new_method_call(DBusAddress(path, name, interface), member, signature or None, body)
    # polkit may ask the person, who takes their time.
    message.header.flags |= MessageFlag.allow_interactive_authorization
    try:
        reply = bus.send_and_get_reply(message, timeout=None)
        if reply.header.message_type.name == "error":
            raise DBusErrorResponse(reply)
    except DBusErrorResponse as error:
        if error.name in _GONE:
            # Killed, or it could not be started: the bus says so, not the service.
            raise ClientError(
                UNAVAILABLE, f"{name} went away before it answered {member}", "Look, and ask again."
            ) from error
        text = str(error.data[0]) if error.data else error.name
        first, _, hint = text.partition("\n")
        raise ClientError(error.name, first, hint) from error
    except (OSError, EOFError) as error:
        raise ClientError(UNAVAILABLE, f"the system bus went away: {error}") from error
    return tuple(reply.body)


def policy(bus: Any, member: str, signature: str, body: tuple[Any, ...]) -> tuple[Any, ...]:
    name = "org.aios.Policy1"
    return call(bus, name, "/org/aios/Policy1", name, member, signature, body)


def needs_password() -> bool:
    """Whether polkit will want to ask. polkit looks groups up by the user, as here."""
    if os.getuid() == 0:
        return False
    try:
        account = pwd.getpwuid(os.getuid())
        approvers = grp.getgrnam(APPROVERS).gr_gid
    except KeyError:
        return True
    return approvers not in os.getgrouplist(account.pw_name, account.pw_gid)


@contextmanager
def authentication_agent() -> Iterator[None]:
    """polkit's agent on this terminal, for this process, where polkit will want one."""
    if not needs_password() or not sys.stdin.isatty():
        yield
        return
    ready, told = os.pipe()
    try:
        # --fallback would find no agent without a logind session, and start none.
        agent = subprocess.Popen(
            ["pkttyagent", "--notify-fd", str(told), "--process", str(os.getpid())],
            pass_fds=[told],
        )
    except OSError as error:
        os.close(ready)
        os.close(told)
        raise ClientError(
            UNAVAILABLE, f"pkttyagent: {error.strerror}", "Install polkit."
        ) from error
    try:
        os.close(told)
        # It closes its end when it is registered, or when it could not be.
        select.select([ready], [], [], AGENT_SECONDS)
        yield
    finally:
        os.close(ready)
        agent.terminate()
        agent.wait()
