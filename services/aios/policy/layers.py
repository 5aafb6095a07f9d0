"""The policy in force: the files it comes from, and the last that was good.

The files are looked at (stat) on every question. When one is broken, what was last good stays in
force, also over restarts: its text is kept in the state directory.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aios import config
from aios.config import Config
from aios.errors import AiosError, ConfigError
from aios.journal import log
from aios.policy import disk, tables, tools
from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy
from aios.policy.user_rules import Kept

SETTLED_NSEC = 2_000_000_000
Fingerprint = tuple[tuple[str, int, int, int], ...]


def _stamp(path: str) -> tuple[str, int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - some thirty for each question
    except OSError:
        return path, 0, 0, 0
    return path, status.st_mtime_ns, status.st_ino, status.st_size


@dataclass(frozen=True)
class Judgement:
    """A verdict as it travels: `part` is the simple command that decided."""

    decision: Decision
    part: str
    rule: str
    reason: str
    normalized: str


class Layers:
    """`administrator` is /etc/aios; a policy.toml in it replaces the shipped one.

    The tables of tools (`commands`) belong to the policy: they change and stay with it.
    """

    def __init__(
        self,
        state: Path,
        administrator: Path = config.ADMINISTRATOR,
        shipped: Path = SHIPPED,
        commands: Sequence[Path] = tables.DIRECTORIES,
    ) -> None:
        self._state = disk.directory(state)
        self._administrator = administrator
        self._shipped = shipped
        self._commands = commands
        self._users = Kept(state / "users")
        places = [administrator, administrator / "config.d", *commands]
        self._directories = [str(directory) for directory in places]
        self._listed: tuple[Fingerprint | None, list[str]] = (None, [])
        """The directories as they were, and the files that were in them."""
        self._policy: Policy | None = None
        self._seen: Fingerprint | None = None
        self.config = Config()
        self.fault = ""
        """Why the files as they are now are not in force; empty when they are."""
        self.refresh()

    def _files(self) -> list[Path]:
        replaced = self._administrator / "policy.toml"
        shipped = replaced if replaced.exists() else self._shipped
        return [shipped, *config.files(self._administrator)]

    def _tables(self) -> list[Path]:
        return tables.files(self._commands)

    def _fingerprint(self) -> Fingerprint:
        directories = tuple(_stamp(directory) for directory in self._directories)
        if directories != self._listed[0]:
            paths = [str(path) for path in [*self._files(), *self._tables()]]
            # What changes within one tick of the clock has one time.
            settled = time.time_ns() - SETTLED_NSEC
            kept = directories if all(when < settled for _, when, _, _ in directories) else None
            self._listed = (kept, paths)
        return tuple(_stamp(path) for path in self._listed[1])

    def refresh(self) -> None:
        """Reads the files again if one has changed."""
        now = self._fingerprint()
        if now == self._seen:
            return
        try:
            self._load(self._files(), self._tables())
        except ConfigError as error:
            self.fault = error.message
            log.error("a policy file is rejected", reason=error.message)
            if self._seen is None:
                self._load_kept()
        else:
            self.fault = ""
            if now == self._fingerprint():
                self._keep()
        self._seen = now

    def reload(self) -> None:
        """Reads the files whatever they look like; raises ConfigError for a broken one."""
        # Never None here: `_load_kept` is for a start without anything good in memory.
        self._seen = ()
        self.refresh()
        if self.fault:
            raise ConfigError(self.fault, hint="what was last good stays in force")

    def _load(self, files: list[Path], commands: list[Path]) -> None:
        # Self-tests are about the tools as they will be.
        before = tools.use(tables.load(commands))
        try:
            policy, settings = Policy.load(files, shipped=files[0]), config.load(files[1:])
        except ConfigError:
            tools.use(before)
            raise
        self._policy, self.config = policy, settings

    # The last good, over restarts

    @property
    def _kept(self) -> Path:
        return self._state / "last-good.json"

    def _keep(self) -> None:
        try:
            kept = [[str(path), path.read_text()] for path in self._files()]
            kept += [[str(path), path.read_text()] for path in self._tables()]
            text = json.dumps(kept)
            if not self._kept.exists() or self._kept.read_text() != text:
                disk.write(self._kept, text)
        except (OSError, AiosError) as error:
            log.warning("the policy in force could not be kept", reason=str(error))

    def _load_kept(self) -> None:
        """The kept files are written out again, so that a rule's file and line can be read."""
        if not self._kept.exists():
            return
        root = self._state / "last-good"
        files: list[Path] = []
        commands: list[Path] = []
        for name, text in json.loads(self._kept.read_text()):
            path = root / name.lstrip("/")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(text)
            (commands if path.parent.name == "commands" else files).append(path)
        try:
            self._load(files, commands)
        except ConfigError as error:
            # Written by an aios whose rules were others.
            log.error("the last good policy is not good any more", reason=error.message)

    def check(
        self,
        command: str,
        machine: str,
        *,
        cwd: str = "",
        user: str,
        groups: frozenset[str],
        uid: int | None = None,
    ) -> Judgement:
        """Without any good policy, everything needs approval. `uid`: whose own rules count too."""
        self.refresh()
        if self._policy is None:
            return Judgement(
                Decision.REQUIRE_APPROVAL,
                command,
                "built-in: no policy",
                f"no policy could be loaded: {self.fault}",
                command,
            )
        own, fault = (None, "") if uid is None else self._users.of(self._policy, uid)
        verdict = self._policy.check(
            command, machine, cwd=cwd, user=user, groups=groups, user_rules=own
        )
        if fault and verdict.decision < Decision.REQUIRE_APPROVAL:
            reason = f"{user}'s own rules are not good any more: {fault}"
            return Judgement(
                Decision.REQUIRE_APPROVAL, verdict.command, "built-in: own rules", reason,
                verdict.normalized,
            )  # fmt: skip
        return Judgement(
            verdict.decision, verdict.command, verdict.rule, verdict.reason, verdict.normalized
        )

    def set_user_rules(self, uid: int, text: str) -> None:
        """Raises ConfigError for rules that are not right."""
        self.refresh()
        if self._policy is None:
            raise ConfigError(self.fault, hint="without a policy there is nothing to add rules to")
        self._users.set(self._policy, uid, text)
        log.info("a user's own rules are others now", uid=uid)
