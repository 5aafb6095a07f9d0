"""Which brain answers: what the person chose for the session, else what is configured."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from enum import StrEnum
from typing import Any

from aios import config
from aios.chat.anthropic_brain import KEY, AnthropicBrain, Connection, Credentials
from aios.chat.brain import Brain
from aios.chat.session import Session
from aios.errors import InvalidOption, ModelUnavailable


class Name(StrEnum):
    ANTHROPIC = "anthropic"
    OFFLINE = "offline"


Hold = Callable[[], AbstractContextManager[None]]


class Brains:
    """Their connections are kept while the configuration stays. hold: keeps the service from
    leaving."""

    def __init__(self, hold: Hold = nullcontext) -> None:
        self._hold = hold
        self._held = ExitStack()
        self._timer: asyncio.TimerHandle | None = None
        self._connection: Connection | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    def check(self, settings: config.Chat, brain: str, model: str) -> None:
        """Raises what is wrong with a person's choice; empty is none."""
        if brain and brain not in list(Name):
            raise InvalidOption(f"no brain {brain!r}", hint="known: " + ", ".join(Name))
        known = (settings.model, *settings.models)
        if model and model not in known:
            raise InvalidOption(
                f"model {model!r} is not configured",
                hint=f"configured: {', '.join(known)} ([chat] model and models)",
            )
        if brain == Name.ANTHROPIC and settings.brain == Name.OFFLINE:
            raise InvalidOption(f"[chat] brain is {Name.OFFLINE}: no other is used here")

    def name(self, settings: config.Chat, session: Session) -> Name:
        reachable = bool(settings.base_url or Credentials.load())
        chosen = session.brain or settings.brain or (Name.ANTHROPIC if reachable else Name.OFFLINE)
        if chosen == Name.ANTHROPIC and not reachable:
            raise ModelUnavailable(
                "there is no key and no base_url to reach a model with",
                hint=f"store a key: systemd-creds encrypt --name={KEY} - "
                f"/etc/credstore.encrypted/{KEY}; or --brain {Name.OFFLINE}",
            )
        return Name(chosen)

    def settings(self, settings: config.Chat, session: Session) -> config.Chat:
        """With the session's model, as far as that is still configured."""
        self.check(settings, session.brain, session.model)
        return replace(settings, model=session.model) if session.model else settings

    def anthropic(self, settings: config.Chat) -> Brain:
        return AnthropicBrain(self._connected(settings), settings)

    def stay_ready(self, settings: config.Chat) -> None:
        """For the next prompt of a person who reads the answer first."""
        if not settings.ready_seconds:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._held.close()
        self._held.enter_context(self._hold())
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(settings.ready_seconds, self._held.close)

    def prepare(self, settings: config.Chat) -> None:
        """While the person still types: the first prompt need not wait for it."""
        self._spawn(self._connected(settings).client())

    def _connected(self, settings: config.Chat) -> Connection:
        wanted = settings.base_url, Credentials.load()
        kept = self._connection
        if kept is None or (kept.base_url, kept.credentials) != wanted:
            if kept is not None:
                self._spawn(kept.give_up())
            kept = self._connection = Connection(*wanted)
        return kept

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
