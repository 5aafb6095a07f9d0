"""Whom a command is judged for, and by which files: those that are installed, or one alone."""

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aios import caller, config
from aios.caller import APPROVERS, user_groups, user_name
from aios.errors import ConfigError, NotAuthorized, NotFound
from aios.policy import tables, tools, users
from aios.policy.policy import SHIPPED, START, Policy, UserRules, Verdict

KEPT = Path("/var/lib/aios/policy/users")
"""Where aios-policy keeps what users handed over; root can look there."""


@dataclass(frozen=True)
class Asker:
    """`own`: this user's rules, which count on top of the policy."""

    policy: Policy
    user: str
    groups: frozenset[str]
    own: UserRules | None = None

    def named(self, user: str | None) -> "Asker":
        """Another user under the same policy: no account of that name need be here."""
        if user is None or user == self.user:
            return self
        return Asker(self.policy, user, groups_of(user))

    def check(self, command: str, machine: str) -> Verdict:
        return self.policy.check(
            command, machine, cwd=START, user=self.user, groups=self.groups, user_rules=self.own
        )


def alone(file: Path) -> Policy:
    """One file as the only configuration: nothing of this machine's counts but aios' own tables
    of tools."""
    if not file.is_file():
        raise ConfigError(f"{file}: no such file")
    tools.use(tables.load(tables.files([tables.SHIPPED])))
    return Policy.load([file], shipped=file)


def installed(administrator: Path = config.ADMINISTRATOR) -> Policy:
    """What aios-policy would load now. A broken file is an error here; the service goes on with
    what was last good."""
    replaced = administrator / "policy.toml"
    shipped = replaced if replaced.exists() else SHIPPED
    tools.use(tables.load(tables.files()))
    return Policy.load([shipped, *config.files(administrator)], shipped=shipped)


def myself(policy: Policy, *, own: bool) -> Asker:
    uid = os.getuid()
    rules = _own_file(policy) if own else None
    return Asker(policy, user_name(uid), user_groups(uid), rules)


def somebody(policy: Policy, name: str, *, own: bool) -> Asker:
    """Another user, for those who may ask about others. Raises NotFound for nobody's name."""
    mine = os.getuid()
    if name == user_name(mine):
        return myself(policy, own=own)
    if mine != 0 and APPROVERS not in user_groups(mine):
        raise NotAuthorized(f"only root and members of {APPROVERS} may ask about others")
    uid = _uid(name)
    if uid is None:
        raise NotFound(f"no user {name!r}")
    return Asker(policy, name, user_groups(uid), _kept(policy, name, uid) if own else None)


@cache
def groups_of(name: str) -> frozenset[str]:
    """The groups that a user of that name has here, if there is one."""
    uid = _uid(name)
    return frozenset() if uid is None else caller.user_groups(uid)


def _uid(name: str) -> int | None:
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _own_file(policy: Policy) -> UserRules | None:
    """As the client hands it over."""
    try:
        text = users.PATH.expanduser().read_text(encoding="utf-8")
    except (FileNotFoundError, RuntimeError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        _warn(f"{users.PATH}: {error}")
        return None
    try:
        return policy.load_user(text)
    except ConfigError as error:
        _warn(f"your own rules do not count: {error.message}")
        return None


def _kept(policy: Policy, name: str, uid: int) -> UserRules | None:
    try:
        return policy.load_user((KEPT / f"{uid}.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except PermissionError:
        _warn(f"without {name}'s own rules, which only root may read")
        return None
    except ConfigError as error:
        _warn(f"{name}'s own rules are not good any more: {error.message}")
        return None


def _warn(text: str) -> None:
    print(f"aios: {text}", file=sys.stderr)
