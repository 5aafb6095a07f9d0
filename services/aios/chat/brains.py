"""Which brain answers: what the person chose for the session, else what is configured."""

import asyncio
from dataclasses import replace
from enum import StrEnum

from aios import config
from aios.chat.anthropic_brain import KEY, AnthropicBrain, Connection, Credentials
from aios.chat.brain import Brain
from aios.chat.session import Session
from aios.errors import InvalidOption, ModelUnavailable


class Name(StrEnum):
    ANTHROPIC = "anthropic"
    OFFLINE = "offline"


class Brains:
    """Their connections are kept while the configuration stays."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._loading: set[asyncio.Task[object]] = set()

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

    def prepare(self, settings: config.Chat) -> None:
        """While the person still types: the first prompt need not wait for it."""
        task: asyncio.Task[object] = asyncio.ensure_future(self._connected(settings).client())
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    def _connected(self, settings: config.Chat) -> Connection:
        wanted = settings.base_url, Credentials.load()
        kept = self._connection
        if kept is None or (kept.base_url, kept.credentials) != wanted:
            kept = self._connection = Connection(*wanted)
        return kept
