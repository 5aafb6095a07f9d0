"""What a command line does in the terms of its history: packages, units, files read or written.

For finding things again ("what did I install yesterday?"), never for deciding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aios.policy.concerns import is_free_target
from aios.policy.parts import Part, Parts
from aios.policy.reader import read
from aios.policy.tools import Tool, tools
from aios.policy.words import is_dynamic, show

_APT = {
    "install": "install", "reinstall": "install", "remove": "remove", "purge": "remove",
    "autoremove": "remove", "autopurge": "remove", "upgrade": "upgrade",
    "full-upgrade": "upgrade", "dist-upgrade": "upgrade", "update": "refresh",
}  # fmt: skip
_DNF = {
    "install": "install", "reinstall": "install", "localinstall": "install", "remove": "remove",
    "erase": "remove", "autoremove": "remove", "upgrade": "upgrade", "update": "upgrade",
    "makecache": "refresh",
}  # fmt: skip
_VERBS = {
    "apt": _APT, "apt-get": _APT, "aptitude": _APT,
    "dnf": _DNF, "dnf5": _DNF, "yum": _DNF, "microdnf": _DNF,
    "zypper": {**_DNF, "in": "install", "rm": "remove", "up": "upgrade"},
    "apk": {"add": "install", "del": "remove", "upgrade": "upgrade", "update": "refresh"},
    "snap": {"install": "install", "remove": "remove", "refresh": "upgrade"},
    "flatpak": {"install": "install", "uninstall": "remove", "update": "upgrade"},
    "cargo": {"install": "install", "uninstall": "remove"},
    "pip": {"install": "install", "uninstall": "remove"},
    "pip3": {"install": "install", "uninstall": "remove"},
    "pipx": {"install": "install", "uninstall": "remove", "upgrade": "upgrade"},
    "npm": {"install": "install", "uninstall": "remove", "update": "upgrade"},
}  # fmt: skip
_SERVICE = frozenset(
    ("start", "stop", "restart", "reload", "enable", "disable", "mask", "unmask", "kill")
)
# Their options that take a value as the next word.
_TAKES_VALUE = frozenset(
    ("-t", "--target-release", "-o", "--option", "-c", "--config-file", "--root", "-r", "-b",
     "--dbpath", "--config", "-H", "-M", "--host", "--machine", "-p", "-n", "-s", "--signal",
     "--version", "--enablerepo", "--disablerepo", "--releasever", "--setopt", "-x", "--exclude")
)  # fmt: skip
_WRITERS = frozenset(
    ("rm", "rmdir", "mv", "cp", "ln", "touch", "mkdir", "chmod", "chown", "chgrp", "tee",
     "truncate", "install", "dd", "shred", "unlink", "sed", "git", "tar", "unzip", "useradd",
     "userdel", "usermod", "groupadd", "passwd", "mount", "umount", "sysctl", "hostnamectl",
     "timedatectl", "kill", "pkill", "killall")
)  # fmt: skip
_READING_OPERANDS = frozenset(("names", "files"))


class Action(NamedTuple):
    tag: str
    """install, remove, upgrade, refresh, service-VERB, write or read."""
    objects: tuple[str, ...]
    """Packages, units or paths, as they were named."""


def actions(command: str) -> tuple[Action, ...]:
    """What `command` would do, wrappers looked through, in order and without repetition."""
    parts = Parts(read(command), command)
    found: list[Action] = []
    for part in parts.found:
        if not part.possible:
            found += _of(part)
    return tuple(dict.fromkeys(found))


def _of(part: Part) -> Iterator[Action]:
    targets = tuple(
        show(target)
        for op, target, _ in part.redirects
        if ">" in op and not is_free_target(op, target)
    )
    if targets:
        yield Action("write", targets)
    if not part.words or is_dynamic(part.words[0]):
        return
    name = part.name
    tool = tools().get(name)
    if name in _VERBS:
        operands = _operands(part.words[1:])
        tag = _VERBS[name].get(operands[0]) if operands else None
        if tag is not None:
            yield Action(tag, tuple(operands[1:]))
    elif name == "pacman":
        yield from _pacman(part.words[1:])
    elif name in ("dpkg", "rpm"):
        yield from _package_files(part.words[1:])
    elif name == "systemctl":
        operands = _operands(part.words[1:])
        if operands and operands[0] in _SERVICE:
            yield Action(f"service-{operands[0]}", tuple(_unit(unit) for unit in operands[1:]))
    elif name == "service":
        operands = _operands(part.words[1:])
        if len(operands) > 1 and operands[1] in _SERVICE:
            yield Action(f"service-{operands[1]}", (_unit(operands[0]),))
    elif name in _WRITERS and part.counts:
        yield Action("write", tuple(_operands(part.words[1:])))
    elif tool is not None and tool.wrapper is None and part.counts:
        yield from _reads(part, tool)


def _reads(part: Part, tool: Tool) -> Iterator[Action]:
    if tool.operands in _READING_OPERANDS and not tool.interpreter:
        operands = _operands(part.words[1:])
        if tool.name == "grep":
            operands = operands[1:]
        yield Action("read", tuple(operands))


def _operands(words: list[str]) -> list[str]:
    found: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _TAKES_VALUE:
            skip = True
        elif not word.startswith("-"):
            found.append(show(word))
    return found


def _pacman(words: list[str]) -> Iterator[Action]:
    letters = "".join(word[1:] for word in words if word[:1] == "-" and word[:2] != "--")
    long = {word for word in words if word.startswith("--")}
    names = tuple(_operands(words))
    if "R" in letters or "--remove" in long:
        yield Action("remove", names)
    elif "U" in letters or "--upgrade" in long:
        yield Action("install", names)
    elif "S" in letters or "--sync" in long:
        if set(letters) & set("sigl") or long & {"--search", "--info", "--groups", "--list"}:
            return
        if "u" in letters or "--sysupgrade" in long:
            yield Action("upgrade", ())
        elif ("y" in letters or "--refresh" in long) and not names:
            yield Action("refresh", ())
        if names:
            yield Action("install", names)


def _package_files(words: list[str]) -> Iterator[Action]:
    first = words[0] if words else ""
    names = tuple(_operands(words))
    if first in ("-i", "--install", "-ivh", "-Uvh", "-U", "--upgrade"):
        yield Action("install", names)
    elif first in ("-r", "-P", "--remove", "--purge", "-e", "--erase"):
        yield Action("remove", names)


def _unit(name: str) -> str:
    return name.removesuffix(".service")
