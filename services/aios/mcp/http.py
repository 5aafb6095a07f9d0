"""Streamable HTTP on loopback, for clients that take only a URL.

Any user of this machine can connect to a port, and any page in a browser can try: so every request
brings the person's token, as `Authorization: Bearer`, or in the path where a client has no place
for a header. The SDK checks Host and Origin. The token is never an argument or in the environment.
"""

import contextlib
import hmac
import json
import os
import secrets
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from aios.errors import ConfigError, Unavailable

ADDRESS = "127.0.0.1"
PATH = "/mcp"
_LENGTH = 32
"""Bytes of chance in a token."""


def token_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "aios" / "mcp-token"


def token(file: Path) -> tuple[str, bool]:
    """The person's, and whether it is new. Raises ConfigError for a file that others can read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        made = secrets.token_urlsafe(_LENGTH)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(opened, "w") as written:
                written.write(made + "\n")
            # Whole or not at all, and never over one that is there.
            os.link(fresh, file)
            return made, True
        finally:
            fresh.unlink()
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as opened_file:
        status = os.fstat(opened_file.fileno())
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise ConfigError(f"{file} is not yours alone", hint=f"remove it, or chmod 600 {file}")
        kept = opened_file.read(4096).strip()
    if len(kept) < _LENGTH or not kept.isascii() or not kept.isprintable():
        raise ConfigError(f"{file} holds no token", hint="remove it, and a new one is made")
    return kept, False


class Guarded:
    """Lets through what brings the token, and everything else to nowhere."""

    def __init__(self, app: ASGIApp, known: str) -> None:
        self._app = app
        self._known = known.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and (allowed := self._allowed(scope)) is not None:
            await self._app(allowed, receive, send)
        elif scope["type"] == "http":
            await _refuse(send)

    def _allowed(self, scope: Scope) -> Scope | None:
        path = scope["path"].rstrip("/")
        brought = path.removeprefix(f"{PATH}/") if path.startswith(f"{PATH}/") else ""
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                brought = value[7:].strip().decode("latin-1")
        if not hmac.compare_digest(brought.encode(), self._known):
            return None
        if path.startswith(f"{PATH}/"):
            return {**scope, "path": PATH, "raw_path": PATH.encode()}
        return scope


async def _refuse(send: Send) -> None:
    body = json.dumps({"error": "unauthorized", "message": "aios mcp needs its token"}).encode()
    headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def application(server: Server[Any], known: str, hosts: Sequence[str] = ()) -> Guarded:
    """hosts: names by which a tunnel or a proxy of the person's reaches us."""
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[f"{ADDRESS}:*", "localhost:*", *hosts, *(f"{host}:*" for host in hosts)],
        allowed_origins=[
            f"http://{ADDRESS}:*", "http://localhost:*", *(f"https://{host}" for host in hosts),
        ],
    )  # fmt: skip
    return Guarded(
        server.streamable_http_app(streamable_http_path=PATH, transport_security=security), known
    )


async def serve(server: Server[Any], port: int, hosts: Sequence[str]) -> None:
    """Until it is stopped. port 0: a free one; where it is reached is told on standard error."""
    file = token_file()
    try:
        known, new = token(file)
    except OSError as error:
        raise ConfigError(
            f"no token can be kept in {file}: {error.strerror}",
            hint="it is a file of your own, mode 600, in a directory that you can write to",
        ) from error
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        # Before it is told: who reads on may connect at once.
        listening.listen()
    except OSError as error:
        listening.close()
        raise Unavailable(f"port {port}: {error.strerror}", hint="another --http PORT?") from error
    url = f"http://{ADDRESS}:{listening.getsockname()[1]}{PATH}"
    if new:
        print(f"aios: a token for MCP over HTTP, kept in {file}: {known}", file=sys.stderr)
    print(
        f"aios: MCP at {url}, with `Authorization: Bearer TOKEN`, or {url}/TOKEN where a client"
        f" takes only a URL; the token is in {file}",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    config = uvicorn.Config(
        application(server, known, hosts),
        # Not the requests: their paths may hold the token.
        log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    await uvicorn.Server(config).serve(sockets=[listening])
