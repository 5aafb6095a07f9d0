"""A person's time zone, by its name or offset; else this machine's own. Standard library only."""

import os
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aios.errors import InvalidOption

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def zone_of(name: str) -> tzinfo:
    """ "" is this machine's. Raises InvalidOption."""
    if not name:
        return local()
    if match := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if offset < timedelta(hours=24):
            return timezone(offset if match[1] == "+" else -offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidOption(f"no time zone {name!r}", hint="as Asia/Tokyo, or +09:00") from error


def local() -> tzinfo:
    """With its changes of the clock where they are known."""
    if name := os.environ.get("TZ"):
        try:
            return ZoneInfo(name.removeprefix(":"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return UTC
    try:
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return datetime.now().astimezone().tzinfo or UTC


def name() -> str:
    """What `zone_of` in another place understands: the local zone's name, else its offset."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named:
        target = str(Path("/etc/localtime").resolve())
        named = target.partition("/zoneinfo/")[2]
    try:
        ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.now().astimezone().strftime("%z")
    return named
