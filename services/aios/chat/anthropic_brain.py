"""The anthropic brain: the Messages API through its SDK, wherever `base_url` says it is spoken."""

import asyncio
import importlib
import importlib.util
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aios.chat.brain import Event, Reply, Retry, Text, Usage
from aios.chat.conversation import Message
from aios.config import Chat
from aios.errors import ModelUnavailable

if TYPE_CHECKING:
    import anthropic

KEY = "aios.anthropic-api-key"
TOKEN = "aios.anthropic-auth-token"  # noqa: S105 - a credential's name
SILENCE_SECONDS = 120.0
"""A stream that says nothing for so long is given up."""
ATTEMPTS = 5
PAUSE_SECONDS = 1.0
"""Before the second attempt; twice as long before each other, unless the server says how long."""
MAX_PAUSE_SECONDS = 60.0
_AGAIN = "say it again; what already ran is in the history"
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
            try:
                return path.read_text().strip() or None
            except (FileNotFoundError, PermissionError):
                # Without any credential, in a container's user namespace, systemd 252 leaves the
                # empty directory to root.
                return None

        return cls(read(KEY), read(TOKEN))

    def __bool__(self) -> bool:
        return bool(self.api_key or self.auth_token)


class Connection:
    """To one server, kept from one prompt to the next.

    The SDK's client is closed, never left to the garbage collector: that closes its sockets, and
    the client's own clean-up, which comes later, has the loop watch their numbers no more, whoever
    has them by then.
    """

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        self.base_url = base_url
        self.credentials = credentials
        self._client: anthropic.AsyncAnthropic | None = None
        self._loading = asyncio.Lock()
        self._users = 0
        self._kept = True

    async def client(self) -> "anthropic.AsyncAnthropic":
        async with self._loading:
            if self._client is None:
                # Some seconds and 74 MiB: only when a model is wanted, and beside the loop.
                sdk = await asyncio.to_thread(importlib.import_module, "anthropic")
                known = self.credentials
                self._client = sdk.AsyncAnthropic(
                    # A server of one's own may want no key; the SDK wants to send one.
                    api_key=known.api_key or (None if known.auth_token else "none"),
                    auth_token=known.auth_token,
                    base_url=self.base_url or None,
                    timeout=SILENCE_SECONDS,
                    max_retries=0,  # ours are shown
                )
        assert self._client is not None  # noqa: S101 - made above
        return self._client

    @asynccontextmanager
    async def used(self) -> AsyncIterator["anthropic.AsyncAnthropic"]:
        self._users += 1
        try:
            yield await self.client()
        finally:
            self._users -= 1
            await self._close_unused()

    async def give_up(self) -> None:
        """It is kept no longer than who uses it needs it."""
        self._kept = False
        await self._close_unused()

    async def _close_unused(self) -> None:
        if self._client is None or self._users or self._kept:
            return
        client, self._client = self._client, None
        await client.close()


class AnthropicBrain:
    def __init__(self, connection: Connection, settings: Chat) -> None:
        self._connection = connection
        self._settings = settings

    async def stream(
        self, system: str, messages: list[Message], tools: list[dict[str, Any]]
    ) -> AsyncGenerator[Event, None]:
        async with (
            self._connection.used() as client,
            aclosing(
                self._stream(client, _request(self._settings, system, messages, tools))
            ) as events,
        ):
            async for event in events:
                yield event

    async def _stream(
        self, client: "anthropic.AsyncAnthropic", request: Mapping[str, Any]
    ) -> AsyncGenerator[Event, None]:
        for attempt in range(1, ATTEMPTS + 1):
            begun = False
            try:
                async with aclosing(_once(client, request)) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except Exception as error:
                refused = _told(error, self._settings, str(client.base_url))
                if refused is None:
                    raise
                # What has been shown cannot be taken back.
                again = None if begun or attempt == ATTEMPTS else _again(error, attempt)
                if again is None:
                    raise refused from error
                reason = refused.message
            yield Retry(attempt, ATTEMPTS, again, reason)
            await asyncio.sleep(again)


async def _once(
    client: "anthropic.AsyncAnthropic", request: Mapping[str, Any]
) -> AsyncGenerator[Event, None]:
    async with client.messages.stream(**request) as stream:
        async for text in stream.text_stream:
            yield Text(text)
        message = await stream.get_final_message()
    if message.stop_reason is None:
        raise ModelUnavailable("the model's answer broke off before its end", hint=_AGAIN)
    blocks = [block.model_dump() for block in message.content]
    used = message.usage
    yield Reply(
        [
            {key: block[key] for key in _REPLAYED[block["type"]]}
            for block in blocks
            if block["type"] in _REPLAYED and block.get("text") != ""
        ],
        message.stop_reason,
        Usage(
            used.input_tokens or 0,
            used.output_tokens or 0,
            used.cache_read_input_tokens or 0,
            used.cache_creation_input_tokens or 0,
        ),
    )


def _request(
    settings: Chat, system: str, messages: list[Message], tools: list[dict[str, Any]]
) -> dict[str, Any]:
    """With marks behind what stays: the tools and the system prompt; the conversation so far."""
    kept = {"cache_control": {"type": "ephemeral"}}
    *before, last = messages
    *blocks, end = last["content"]
    request: dict[str, Any] = {
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "system": [{"type": "text", "text": system, **kept}],
        "messages": [*before, last | {"content": [*blocks, end | kept]}],
        "tools": tools,
    }
    if settings.effort:
        request["output_config"] = {"effort": settings.effort}
    return request


def _again(error: Exception, attempt: int) -> float | None:
    """Seconds until it is worth asking again; None: it is not."""
    import anthropic

    if isinstance(error, anthropic.APIStatusError):
        if error.status_code not in (408, 409, 429, 529) and error.status_code < 500:
            return None
        after = error.response.headers.get("retry-after", "")
        if after.replace(".", "", 1).isdigit():
            return min(float(after), MAX_PAUSE_SECONDS)
    elif isinstance(error, anthropic.APIConnectionError):
        # Nobody there: that rarely changes within seconds.
        if attempt > 1:
            return None
    else:
        return None
    # Not all at the same moment.
    pause = min(PAUSE_SECONDS * 2.0 ** (attempt - 1), MAX_PAUSE_SECONDS)
    return pause * random.uniform(0.75, 1)  # noqa: S311 - no secret


def _told(error: Exception, settings: Chat, server: str) -> ModelUnavailable | None:
    """What went wrong, as a person is told; None for what is no fault of the server's."""
    import anthropic

    if isinstance(error, ModelUnavailable):
        return error
    if isinstance(error, anthropic.APIStatusError):
        return _refused(error, settings)
    if isinstance(error, anthropic.APITimeoutError):
        return ModelUnavailable(f"{server} said nothing for {SILENCE_SECONDS:.0f} s", hint=_AGAIN)
    if isinstance(error, anthropic.APIConnectionError):
        return ModelUnavailable(
            f"no answer from {server}: {error.__cause__ or error}",
            hint="is the network there? [chat] base_url in /etc/aios/config.toml names it",
        )
    if isinstance(error, (anthropic.AnthropicError, *_MALFORMED)):
        return ModelUnavailable(f"the model's answer could not be read: {error}", hint=_AGAIN)
    if isinstance(error, _transport_errors()):
        return ModelUnavailable(f"the model's answer broke off: {error}", hint=_AGAIN)
    return None


def _transport_errors() -> tuple[type[Exception], ...]:
    """What a connection that breaks in the middle of a stream raises: the SDK does not wrap it,
    and its HTTP library has changed its name (httpx, httpx2)."""
    names = ("httpx", "httpx2")
    found = [importlib.import_module(name) for name in names if importlib.util.find_spec(name)]
    return tuple(module.TransportError for module in found)


def _refused(error: "anthropic.APIStatusError", config: Chat) -> ModelUnavailable:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    said = inner.get("message", "") if isinstance(inner, dict) else ""
    kind = inner.get("type", "") if isinstance(inner, dict) else ""
    reason = said or error.message
    if error.status_code == 401:
        hint = f"store a key: systemd-creds encrypt --name={KEY} - /etc/credstore.encrypted/{KEY}"
    elif error.status_code == 403:
        hint = f"the key may not use {config.model!r}: another key, or another [chat] model"
    elif error.status_code == 404:
        hint = f"is {config.model!r} the name of a model there? [chat] model in config.toml"
    elif error.status_code == 429:
        hint = "its limit is reached: wait a little, then say it again"
    elif error.status_code >= 500 or kind in ("overloaded_error", "api_error"):
        hint = "the model's service has trouble of its own: say it again in a while"
    else:
        hint = "[chat] in /etc/aios/config.toml says what is asked for"
    return ModelUnavailable(f"the model refused ({error.status_code}): {reason}", hint=hint)
