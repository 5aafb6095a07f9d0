"""The environment that a caller asks for. Some variables make another command of a command, as
assignments in front of it do (PATH, LD_PRELOAD, BASH_ENV, PAGER, …), and no list of them is whole:
what is not known to be harmless needs approval."""

import re
from collections.abc import Mapping

_HARMLESS = re.compile(r"LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLUMNS|LINES|NO_COLOR|DEBIAN_FRONTEND")
# A name, perhaps with names below it; never a path from the root or upwards.
_PLAIN = re.compile(r"[A-Za-z0-9][\w.@:+-]*(/[\w+-]+)*|", re.ASCII)


def unsettled(env: Mapping[str, str]) -> list[str]:
    """The variables that need a human's eye."""
    return sorted(
        name
        for name, value in env.items()
        if not _HARMLESS.fullmatch(name) or not _PLAIN.fullmatch(value)
    )
