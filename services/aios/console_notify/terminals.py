"""The terminals that people sit at."""

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

from aios.client import system_bus
from aios.client.varlink import ClientError

CONSOLE = Path("/dev/console")
LOGIND = "org.freedesktop.login1"
_NAME = re.compile(r"tty[A-Za-z0-9]+|pts/[0-9]+")


def path_of(name: str) -> Path | None:
    """A session's TTY, as logind has it, as a device; None: it has none that is a terminal's."""
    return Path("/dev", name) if _NAME.fullmatch(name) else None


def of_sessions(bus: Any, uids: set[int]) -> list[tuple[Path, int]]:
    """The terminals of these users' sessions, each with its user."""
    found: set[tuple[Path, int]] = set()
    manager = (LOGIND, "/org/freedesktop/login1", f"{LOGIND}.Manager")
    (sessions,) = system_bus.call(bus, *manager, "ListSessions", "", ())
    for _id, uid, _user, _seat, object_path in sessions:
        if uid not in uids:
            continue
        try:
            ((_, name),) = system_bus.call(
                bus, LOGIND, object_path, "org.freedesktop.DBus.Properties", "Get", "ss",
                (f"{LOGIND}.Session", "TTY"),
            )  # fmt: skip
        except ClientError:
            # It has ended meanwhile.
            continue
        if (path := path_of(name)) is not None:
            found.add((path, uid))
    return sorted(found)


def write(path: Path, owner: int, text: str) -> bool:
    """Whether the terminal took it. One that is somebody else's by now gets nothing, and one that
    is stopped (Ctrl-S) is not waited for."""
    flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return False
    try:
        status = os.fstat(fd)
        if not stat.S_ISCHR(status.st_mode) or status.st_uid != owner or not os.isatty(fd):
            return False
        os.write(fd, text.encode(errors="replace"))
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return False
    finally:
        os.close(fd)
    return True
