"""A session's working directory and environment: what `cd` and `export` of one command leave for
the next, as values that policy sees and an approval is bound to.

One file per uid and session, in this machine's state. Losing one costs a `cd`, so nothing waits for
the disk.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aios.errors import InvalidOption
from aios.exec import request
from aios.journal import log

if TYPE_CHECKING:
    from aios.exec.effects import Shell

MAX_SESSIONS = 64
"""Of one uid; the one used longest ago gives way."""
LIFE_SECONDS = 7 * 24 * 3600
# Without one of these words, or the name of a variable that it has, no line changes a session.
_CHANGES = re.compile(r"\b(?:cd|pushd|popd|export|unset|declare|typeset|readonly|source|eval)\b")


@dataclass(frozen=True)
class State:
    """cwd: empty for the home directory. previous: where `cd -` leads, or empty."""

    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    previous: str = ""

    @classmethod
    def of(cls, cwd: str, environment: Mapping[str, str]) -> "State":
        """The state that `environment` was made of."""
        env = dict(environment)
        env.pop("PWD", None)
        return cls(cwd, env, env.pop("OLDPWD", ""))

    def given(self, cwd: str, env: Mapping[str, str]) -> "State":
        """With the options of a call, which come first."""
        return State(cwd or self.cwd, {**self.env, **env}, self.previous)

    def environment(self) -> dict[str, str]:
        """With what makes `cd ..` and `cd -` mean what they meant where the last command ended."""
        env = dict(self.env)
        if self.cwd:
            env["PWD"] = self.cwd
        if self.previous:
            env["OLDPWD"] = self.previous
        return env


class Sessions:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _path(self, uid: int, session: str) -> Path:
        digest = hashlib.sha256(session.encode(errors="surrogatepass")).hexdigest()
        return self._directory / f"{uid}-{digest[:32]}.json"

    def state(self, uid: int, session: str) -> State:
        path = self._path(uid, session)
        try:
            if time.time() - path.stat().st_mtime > LIFE_SECONDS:
                path.unlink(missing_ok=True)
                return State()
            data = json.loads(path.read_text())
            found = State(str(data["cwd"]), dict(data["env"]), str(data["previous"]))
            os.utime(path)
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("a session's state cannot be read", file=str(path), reason=str(error))
            return State()
        return found

    def lost(self, uid: int, session: str, cwd: str) -> None:
        """Nobody can enter `cwd` any more: a session that is there goes home."""
        kept = self.state(uid, session) if session else State()
        if cwd and kept.cwd == cwd:
            self._keep(uid, session, State("", kept.env, kept.previous))

    def after(
        self,
        uid: int,
        session: str,
        command: str,
        before: State,
        exit_status: int | None,
        *,
        home: str = "",
    ) -> str:
        """Keeps what the command changed. The reason why not, where it may have changed something
        and nobody can say what.

        before: with which it ran. exit_status: None when it did not end by itself. home: the home
        directory of the account that it ran as, where that is known.
        """
        names = "|".join(map(re.escape, before.env))
        if not _CHANGES.search(command) and not (
            names and re.search(rf"\b(?:{names})\b\+?=", command)
        ):
            return ""
        if exit_status is None:
            return "the command did not end by itself"
        # Policy's reader is not loaded before a line needs it.
        from aios.exec.effects import Shell, follow
        from aios.exec.steps import Unknown

        start = Shell(before.cwd, before.previous or None, frozenset(before.env.items()))
        try:
            end = follow(command, start, home=home, exit_status=exit_status)
            env = end.exported()
            request.check_environment(env)
            request.check_cwd(end.cwd)
        except Unknown as error:
            return str(error)
        except InvalidOption as error:
            return error.message
        if end != start:
            self._keep(uid, session, self._changed(uid, session, start, end))
        return ""

    def _changed(self, uid: int, session: str, start: "Shell", end: "Shell") -> State:
        kept = self.state(uid, session)
        old, new = start.exported(), end.exported()
        env = dict(kept.env)
        for name in old.keys() | new.keys():
            if name not in new:
                env.pop(name, None)
            elif new[name] != old.get(name):
                env[name] = new[name]
        if (end.cwd, end.previous) == (start.cwd, start.previous):
            return State(kept.cwd, env, kept.previous)
        return State(end.cwd, env, end.previous or "")

    def _keep(self, uid: int, session: str, state: State) -> None:
        path = self._path(uid, session)
        new = path.with_suffix(".new")
        try:
            content = {"cwd": state.cwd, "env": dict(state.env), "previous": state.previous}
            new.write_text(json.dumps(content))
            new.replace(path)
            self._make_room(uid)
        except OSError as error:
            log.warning("a session's state cannot be kept", file=str(path), reason=str(error))

    def _make_room(self, uid: int) -> None:
        paths = self._directory.glob(f"{uid}-*.json")
        for path in sorted(paths, key=lambda each: each.stat().st_mtime)[:-MAX_SESSIONS]:
            path.unlink(missing_ok=True)
