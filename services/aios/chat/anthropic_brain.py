"""The anthropic brain: the Messages API through its SDK, wherever `base_url` says it is spoken."""

import asyncio
import importlib
import importlib.util
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aios.chat.conversation import Message
from aios.chat.loop import Reply
from aios.config import Chat
from aios.errors import ModelUnavailable

if TYPE_CHECKING:
    import anthropic

KEY = "aios.anthropic-api-key"
TOKEN = "aios.anthropic-auth-token"  # noqa: S105 - a credential's name
SILENCE_SECONDS = 120.0
"""A stream that says nothing for so long is given up."""
_REPLAYED: dict[str, tuple[str, ...]] = {
    "text": ("type", "text"),
    "tool_use": ("type", "id", "name", "input"),
    "thinking": ("type", "thinking", "signature"),
    "redacted_thinking": ("type", "data"),
}
"""What of each block is sent back; the SDK's objects have more than the API takes."""

# What the SDK's parsers raise for a stream with events that are malformed or out of order.
_MALFORMED = (ValueError, TypeError, RuntimeError, AssertionError, LookupError, AttributeError)


@dataclass(frozen=True)
class Credentials:
    """x-api-key, or Authorization: Bearer."""

    api_key: str | None = None
    auth_token: str | None = None

    @classmethod
    def load(cls) -> "Credentials":
        """From systemd ($CREDENTIALS_DIRECTORY), never from the environment or a file of ours."""
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            return cls()

        def read(name: str) -> str | None:
            path = Path(directory, name)
            return (path.read_text().strip() or None) if path.exists() else None

        return cls(read(KEY), read(TOKEN))

    def __bool__(self) -> bool:
        return bool(self.api_key or self.auth_token)


class AnthropicModel:
    def __init__(self, config: Chat, credentials: Credentials) -> None:
        self._config = config
        self._credentials = credentials
        self._client: anthropic.AsyncAnthropic | None = None

    async def _connect(self) -> "anthropic.AsyncAnthropic":
        if self._client is None:
            # Some two seconds and 74 MiB: only when a model is called, and beside the loop.
            sdk = await asyncio.to_thread(importlib.import_module, "anthropic")
            known = self._credentials
            self._client = sdk.AsyncAnthropic(
                # A server of one's own may want no key; the SDK wants to send one.
                api_key=known.api_key or (None if known.auth_token else "none"),
                auth_token=known.auth_token,
                base_url=self._config.base_url or None,
                timeout=SILENCE_SECONDS,
            )
        assert self._client is not None  # noqa: S101 - made above
        return self._client

    async def stream(
        self, system: str, messages: list[Message], tools: list[dict[str, Any]]
    ) -> AsyncGenerator[str | Reply, None]:
        client = await self._connect()
        import anthropic

        try:
            async with client.messages.stream(
                model=self._config.model,
                max_tokens=self._config.max_tokens,
                system=system,
                messages=messages,  # type: ignore[arg-type]  # plain JSON, not its TypedDicts
                tools=tools,  # type: ignore[arg-type]
            ) as stream:
                async for text in stream.text_stream:
                    yield text
                message = await stream.get_final_message()
        except anthropic.APIStatusError as error:
            raise _refused(error, self._config) from error
        except anthropic.APIConnectionError as error:
            raise ModelUnavailable(
                f"no answer from {client.base_url}: {error.__cause__ or error}",
                hint="is the network there? [chat] base_url in /etc/aios/config.toml names it",
            ) from error
        except (anthropic.AnthropicError, *_MALFORMED) as error:
            raise _broken(f"the model's answer could not be read: {error}") from error
        except _transport_errors() as error:
            raise _broken(f"the model's answer broke off: {error}") from error
        if message.stop_reason is None:
            raise _broken("the model's answer broke off before its end")
        blocks = [block.model_dump() for block in message.content]
        yield Reply(
            [
                {key: block[key] for key in _REPLAYED[block["type"]]}
                for block in blocks
                if block["type"] in _REPLAYED and block.get("text") != ""
            ],
            message.stop_reason,
        )


def _transport_errors() -> tuple[type[Exception], ...]:
    """What a connection that breaks in the middle of a stream raises: the SDK does not wrap it,
    and its HTTP library has changed its name (httpx, httpx2)."""
    names = ("httpx", "httpx2")
    found = [importlib.import_module(name) for name in names if importlib.util.find_spec(name)]
    return tuple(module.TransportError for module in found)


def _broken(message: str) -> ModelUnavailable:
    return ModelUnavailable(message, hint="say it again; what already ran is in the history")


def _refused(error: "anthropic.APIStatusError", config: Chat) -> ModelUnavailable:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    said = inner.get("message", "") if isinstance(inner, dict) else ""
    kind = inner.get("type", "") if isinstance(inner, dict) else ""
    reason = said or error.message
    if error.status_code in (401, 403):
        hint = f"store a key: systemd-creds encrypt --name={KEY} - /etc/credstore.encrypted/{KEY}"
    elif error.status_code == 404:
        hint = f"is {config.model!r} the name of a model there? [chat] model in config.toml"
    elif error.status_code == 429:
        hint = "its limit is reached: wait a little, then say it again"
    elif error.status_code >= 500 or kind in ("overloaded_error", "api_error"):
        hint = "the model's service has trouble of its own: say it again in a while"
    else:
        hint = "[chat] in /etc/aios/config.toml says what is asked for"
    return ModelUnavailable(f"the model refused ({error.status_code}): {reason}", hint=hint)
