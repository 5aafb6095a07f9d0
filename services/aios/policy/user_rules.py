"""The rules that users handed over, one file for each uid, whole or not at all.

They count on top of the policy in force, so they are read again whenever that changes. Rules that
are right no longer (another aios, other tables of tools) must not vanish silently, since they may
be strict: until their owner hands over others, that owner's commands need approval.
"""

from dataclasses import dataclass
from pathlib import Path

from aios.errors import ConfigError
from aios.policy import disk
from aios.policy.policy import Policy, UserRules
from aios.policy.users import PATH

MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class _Read:
    policy: Policy
    rules: UserRules | None
    fault: str


class Kept:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[int, _Read] = {}

    def _path(self, uid: int) -> Path:
        return self._directory / f"{uid}.toml"

    def set(self, policy: Policy, uid: int, text: str) -> None:
        """Raises ConfigError (FILE:LINE) for rules that are not right; those from before stay.
        Empty text: none any more."""
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise ConfigError(f"{PATH}:1: no UTF-8 text") from error
        if size > MAX_BYTES:
            raise ConfigError(f"{PATH}:1: a user's rules have at most 64 KiB")
        rules = policy.load_user(text)
        disk.directory(self._directory)
        disk.write(self._path(uid), text)
        self._read[uid] = _Read(policy, rules, "")

    def of(self, policy: Policy, uid: int) -> tuple[UserRules | None, str]:
        """(rules, why those that are there cannot be used)"""
        found = self._read.get(uid)
        if found is None or found.policy is not policy:
            found = self._read[uid] = self._load(policy, uid)
        return found.rules, found.fault

    def _load(self, policy: Policy, uid: int) -> _Read:
        try:
            return _Read(policy, policy.load_user(self._path(uid).read_text(encoding="utf-8")), "")
        except FileNotFoundError:
            return _Read(policy, None, "")
        except ConfigError as error:
            return _Read(policy, None, error.message)
        except (OSError, UnicodeDecodeError) as error:
            return _Read(policy, None, str(error))
