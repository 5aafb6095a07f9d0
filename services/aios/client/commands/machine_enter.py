"""aios machine shell, login: machinectl's own, with its rights (polkit asks)."""

import os
from typing import Any

from aios.client import place
from aios.client.varlink import ERROR_PREFIX, ClientError


def add(actions: Any) -> None:
    shell = actions.add_parser(
        "shell",
        help="a shell in it",
        description="A login shell in a machine that runs, as machinectl shell: [aios] > for ai and"
        " root, whose `exit` gives the plain shell.",
    )
    shell.add_argument("name", metavar="NAME")
    shell.add_argument("user", metavar="USER", nargs="?", default="root", help="(root)")
    shell.set_defaults(run=_shell)
    login = actions.add_parser("login", help="a login prompt in it, as on its console")
    login.add_argument("name", metavar="NAME")
    login.set_defaults(run=_login)


def _shell(given: Any) -> int:
    return _machinectl("--uid", given.user, "shell", given.name)


def _login(given: Any) -> int:
    return _machinectl("login", given.name)


def _machinectl(*arguments: str) -> int:
    place.require_host("`aios machine`", "Machines are made and started from there.")
    if any(argument.startswith("-") for argument in arguments if argument != "--uid"):
        raise ClientError(ERROR_PREFIX + "InvalidOption", "a name does not begin with -")
    os.execvp("machinectl", ["machinectl", "--quiet", *arguments])  # noqa: S606
