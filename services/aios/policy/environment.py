"""The environment that a caller asks for. Some variables make another command of a command, as
assignments in front of it do (PATH, LD_PRELOAD, BASH_ENV, PAGER, …), and no list of them is whole:
what is not known to be harmless needs approval."""

import re
from collections.abc import Mapping

_HARMLESS = re.compile(r"LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLUMNS|LINES|NO_COLOR|DEBIAN_FRONTEND")
# A name, perhaps with names below it; never a path from the root or upwards.
_PLAIN = re.compile(r"[A-Za-z0-9][\w.@:+-]*(/[\w+-]+)*|", re.ASCII)
# In others a letter may end in the byte of a backslash, and bash reads another line.
_UTF_8 = re.compile(r"|C|POSIX|[A-Za-z_]+\.(?:UTF-8|utf8)(?:@[a-z]+)?", re.ASCII)
_DIRECTORY = re.compile(r"(/[\w.@:+-]+)+|/", re.ASCII)


def may_be_other_letters(name: str, value: str) -> bool:
    """Whether it is a locale in which text may be read otherwise than as UTF-8."""
    return (name == "LANG" or name.startswith("LC_")) and not _UTF_8.fullmatch(value)


def unsettled(env: Mapping[str, str], cwd: str = "") -> list[str]:
    """The variables that need a human's eye, for a command in `cwd`."""
    return sorted(
        name
        for name, value in env.items()
        if (
            not (_HARMLESS.fullmatch(name) and _PLAIN.fullmatch(value))
            or may_be_other_letters(name, value)
        )
        and not _says_where(name, value, cwd)
    )


def _says_where(name: str, value: str, cwd: str) -> bool:
    """A session's directory, and the one before it (`cd -`), which the reader takes for any: with
    these the shell starts as a shell that has gone there."""
    return (name == "PWD" and value == cwd) or (
        name == "OLDPWD" and _DIRECTORY.fullmatch(value) is not None
    )
