"""Other people's MCP servers, as tools of the model.

A server runs in the session's machine, as a job that policy decides about like any command, on the
authority that the person lent for the prompt. So it lives no longer than that: it is started when
the model first wants it and stopped at the prompt's end. To list tools without starting everything
at every prompt (and asking the person about each), what a server listed is kept: one whose tools
are not known yet is offered as one tool, which starts it and lists them. Servers are the person's
own, or of /etc; people in machines have none, as they would be shown the variables of others.

What a server says, its tools' descriptions included, is data.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aios import durable, varlink_async
from aios.caller import Caller
from aios.channel import close_all
from aios.chat.event import Kind
from aios.chat.person import machine_missing, machine_socket
from aios.chat.turn import Turn
from aios.errors import ConfigError, InvalidOption, NotAuthorized, Unavailable
from aios.marked import between, mark
from aios.mcp import servers
from aios.mcp.rpc import Message, Peer, Pipes
from aios.mcp.servers import BETWEEN, Server, Servers
from aios.redact import redact
from aios.text import visible

ORIGIN = "~/.config/syui/ai/mcp.json"
MAX_BYTES = 64 * 1024
MAX_STARTS = 3
"""Of one server for one prompt."""
LIST = "list_tools"
MAX_NAME = 64
MAX_DESCRIPTION = 1000
MAX_SCHEMA = 8 * 1024
"""Bytes of what one tool takes: all of it goes to the model with every step."""
MAX_TOOLS = 64
"""Of all servers together."""

Definition = dict[str, Any]


@dataclass
class _Running:
    """A server's job, which ends with the connection that started it."""

    peer: Peer
    connection: varlink_async.Connection

    def close(self) -> None:
        self.peer.close()
        self.connection.close()


@dataclass
class _Prompt:
    """What runs for one prompt."""

    servers: Servers
    running: dict[str, _Running] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)


class Tools:
    """directory: aios-chat's own, for what people handed over and what servers listed."""

    def __init__(self, directory: Path, administrator: Path = servers.ADMINISTRATOR) -> None:
        self._directory = directory
        self._administrator = administrator
        self._prompts: dict[str, _Prompt] = {}
        """By session."""

    def set_servers(self, caller: Caller, text: str) -> None:
        """The caller's own mcp.json, whole; "": none. Raises ConfigError (FILE:LINE), and those
        from before stay."""
        if caller.machine:
            raise NotAuthorized("people in machines have no MCP servers of their own")
        caller.require_user()
        if len(text.encode(errors="replace")) > MAX_BYTES:
            raise ConfigError(f"{ORIGIN}:1: more than {MAX_BYTES // 1024} KiB")
        own = servers.parse(text, ORIGIN)
        durable.directory(self._directory)
        durable.write(self._own(caller.uid), text)
        self._forget(caller.uid, own)

    def _own(self, uid: int) -> Path:
        return self._directory / f"{uid}.json"

    def _forget(self, uid: int, own: Servers) -> None:
        """What is kept of servers that are no longer there."""
        with contextlib.suppress(ConfigError):
            there = own.over(servers.load(self._administrator)).known.values()
            marks = {server.mark for server in there}
            for kept in (self._directory / "tools").glob(f"{uid}-*.json"):
                if kept.name.split(".")[-2] not in marks:
                    kept.unlink()

    # What the loop calls

    async def definitions(self, turn: Turn) -> list[Definition]:
        """As the Messages API has tools. Starts nothing."""
        prompt = await self._prompt(turn)
        found: list[Definition] = []
        for server in prompt.servers.known.values():
            listed = self._listed(turn, server)
            found += [_starter(server)] if listed is None else listed
        return found[:MAX_TOOLS]

    async def call(self, turn: Turn, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool answers, for a model. Raises an AiosError when it gives no answer."""
        prompt = await self._prompt(turn)
        server_name, _, tool = name.partition(BETWEEN)
        server = prompt.servers.known.get(server_name)
        if server is None or not tool:
            raise InvalidOption(f"no tool {name!r}")
        running = await self._running(turn, prompt, server)
        listed = self._listed(turn, server)
        if listed is None or running.peer.changed:
            listed = await self._list(turn, server, running)
        if tool == LIST and all(each["name"] != name for each in listed):
            return _names(server, listed)
        result = await running.peer.call(tool, arguments)
        return _described(server, result)

    def has(self, name: str) -> bool:
        """Whether this is the name of a tool of a server's, known or not."""
        return BETWEEN in name

    def stop(self, session: str) -> None:
        """At the end of a prompt."""
        prompt = self._prompts.pop(session, None)
        for running in prompt.running.values() if prompt else ():
            running.close()

    # Servers

    async def _prompt(self, turn: Turn) -> _Prompt:
        session = turn.session
        if session.id not in self._prompts:
            found = Servers()
            if not session.owner.machine:
                for load in (self._load_own, self._load_administrators):
                    try:
                        found = found.over(load(session.owner.uid))
                    except ConfigError as error:
                        await turn.emit(Kind.NOTICE, {"text": f"MCP servers: {error.message}"})
            self._prompts[session.id] = _Prompt(found)
        return self._prompts[session.id]

    def _load_own(self, uid: int) -> Servers:
        return servers.load(self._own(uid), ORIGIN)

    def _load_administrators(self, _uid: int) -> Servers:
        return servers.load(self._administrator)

    async def _running(self, turn: Turn, prompt: _Prompt, server: Server) -> _Running:
        """One that died is started again."""
        async with prompt.locks.setdefault(server.name, asyncio.Lock()):
            running = prompt.running.get(server.name)
            if running is not None and not running.peer.dead:
                return running
            if running is not None:
                running.close()
            prompt.starts[server.name] += 1
            if prompt.starts[server.name] > MAX_STARTS:
                raise Unavailable(f"MCP server {server.name} died {MAX_STARTS} times")
            started = await self._start(turn, server)
            if self._prompts.get(turn.session.id) is not prompt:
                started.close()
                raise Unavailable("the prompt has ended")
            prompt.running[server.name] = started
            return started

    @staticmethod
    async def _start(turn: Turn, server: Server) -> _Running:
        person = turn.person
        where = f"{server.name} in {person.machine}: {server.command}"
        await turn.emit(Kind.NOTICE, {"text": f"starts the MCP server {where}"})
        options: dict[str, Any] = {
            "delegation": person.delegation, "session": person.session, "words": turn.prompt,
        }  # fmt: skip
        if server.env:
            options["env"] = dict(server.env)
        try:
            connection = await varlink_async.Connection.open(
                machine_socket(person.machine, person.sockets)
            )
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise machine_missing(person.machine) from error
        try:
            asked = {"command": server.command, "options": options}
            reply = await connection.call("org.aios.Exec1.Start", asked)
            try:
                places = [reply.parameters[name] for name in Pipes._fields]
                pipes = Pipes(*(reply.descriptors[place] for place in places))
            except (IndexError, KeyError, TypeError) as error:
                close_all(reply.descriptors)
                raise Unavailable("exec gave a job without its streams") from error
            peer = Peer(server.name, pipes)
            try:
                await peer.start()
            except BaseException:
                peer.close()
                raise
        except BaseException:
            connection.close()
            raise
        return _Running(peer, connection)

    # What they listed

    def _kept(self, turn: Turn, server: Server) -> Path:
        """Another command, machine or person: another list."""
        name = f"{turn.session.owner.uid}-{turn.person.machine}-{server.name}.{server.mark}.json"
        return self._directory / "tools" / name

    def _listed(self, turn: Turn, server: Server) -> list[Definition] | None:
        try:
            found = json.loads(self._kept(turn, server).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return list(found)

    async def _list(self, turn: Turn, server: Server, running: _Running) -> list[Definition]:
        listed = [found for tool in await running.peer.tools() if (found := _tool(server, tool))]
        kept = self._kept(turn, server)
        durable.directory(self._directory)
        durable.directory(kept.parent)
        for old in kept.parent.glob(f"{kept.name.removesuffix(f'{server.mark}.json')}*.json"):
            old.unlink()
        durable.write(kept, json.dumps(listed))
        return listed


def _starter(server: Server) -> Definition:
    about = f": {server.description}" if server.description else ""
    return {
        "name": f"{server.name}{BETWEEN}{LIST}",
        "description": f"Starts the MCP server {server.name}{about}. Its tools can be called from"
        " then on; only if what the person wants may need it.",
        "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
    }


def _tool(server: Server, tool: Message) -> Definition | None:
    """None for one that the model's API would not take, or that would fill the model's memory."""
    name = f"{server.name}{BETWEEN}{tool['name']}"
    schema = tool.get("inputSchema")
    plain = name.isascii() and name.replace("-", "_").replace("_", "a").isalnum()
    if not plain or len(name) > MAX_NAME or not isinstance(schema, dict):
        return None
    try:
        size = len(json.dumps(schema, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:
        return None
    if schema.get("type") != "object" or size > MAX_SCHEMA:
        return None
    said = " ".join(visible(str(tool.get("description", "")).replace("\n", " ")).split())
    return {
        "name": name,
        "description": f"(MCP server {server.name}) {said[:MAX_DESCRIPTION]}",
        "input_schema": schema,
    }


def _names(server: Server, listed: list[Definition]) -> str:
    told = "\n".join(f"{tool['name']}: {tool['description']}" for tool in listed)
    if not told:
        return f"{server.name} has no tools that can be used"
    return f"They can be called now.\n{between(mark(), f'server={server.name}', told)}"


def _described(server: Server, result: Message) -> str:
    """A result as a model reads it."""
    content = result.get("content")
    parts = [_part(block) for block in content if isinstance(block, dict)] if isinstance(
        content, list
    ) else []  # fmt: skip
    text = "\n".join(parts)
    if not text and isinstance(result.get("structuredContent"), dict):
        text = json.dumps(result["structuredContent"], ensure_ascii=False)
    said = between(mark(), f"server={server.name}", redact(text)) if text else "(no output)"
    return f"The tool says that it failed.\n{said}" if result.get("isError") is True else said


def _part(block: Message) -> str:
    if isinstance(block.get("text"), str):
        return str(block["text"])
    resource = block.get("resource")
    if isinstance(resource, dict) and isinstance(resource.get("text"), str):
        return str(resource["text"])
    kind = visible(str(block.get("mimeType") or block.get("type")))[:100]
    address = block.get("uri") or (resource.get("uri") if isinstance(resource, dict) else None)
    return f"[{kind}: {visible(str(address))[:500]}]" if address else f"[{kind}: not shown]"
