"""org.aios.Chat1 and its sessions, on the bus and on sockets."""

from typing import Any

from aios.caller import Caller
from aios.chat.chat import NEWEST, Chat
from aios.chat.event import Emit, Kind
from aios.errors import AiosError, InvalidOption, from_name
from aios.interface import Call, Interface
from aios.options import STRING_MAP, Options


class ChatInterface(Interface):
    NAME = "org.aios.Chat1"
    PATH = "/org/aios/Chat1"
    OBJECTS = "/org/aios/Chat1/session"

    def __init__(self, chat: Chat) -> None:
        super().__init__()
        self._chat = chat

    async def Open(self, call: Call, machine: str, options: dict[str, Any]) -> str:
        given = Options(options, {"resume": str, "continue": bool, "brain": str, "model": str})
        resume = given.get_str("resume")
        if given.get_bool("continue"):
            if resume:
                raise InvalidOption("option 'continue' means the newest, 'resume' another")
            resume = NEWEST
        return self._chat.open(
            call.caller, machine, resume=resume,
            brain=given.get_str("brain"), model=given.get_str("model"),
        )  # fmt: skip

    async def Sessions(self, call: Call) -> list[dict[str, Any]]:
        return self._chat.sessions(call.caller)

    async def Forget(self, call: Call, session: str) -> None:
        await self._chat.forget(call.caller, session)

    async def SetUserServers(self, call: Call, json: str) -> None:
        self._chat.mcp.set_servers(call.caller, json)

    async def Ask(self, call: Call, machine: str, prompt: str) -> str:
        """The whole answer as text; what went wrong or was refused is an error."""
        answer = Answer()
        session = self._chat.open(call.caller, machine)
        try:
            await self._chat.ask(call.caller, session, prompt, "", answer.add)
        finally:
            await self._chat.forget(call.caller, session)
        return answer.text()

    async def Plan(
        self, call: Call, machine: str, prompt: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        given = Options(options, {"delegation": str, "brain": str})
        return await self._chat.plan(
            call.caller, machine, prompt, given.get_str("delegation"), given.get_str("brain")
        )


class SessionInterface(Interface):
    NAME = "org.aios.Chat1.Session"
    PATH = ChatInterface.OBJECTS
    CHILDREN = True

    def __init__(self, chat: Chat) -> None:
        super().__init__()
        self._chat = chat

    def has(self, object_id: str, caller: Caller) -> bool:
        return self._chat.store.has_own(caller, object_id)

    async def Ask(self, call: Call, prompt: str, options: dict[str, Any]) -> str:
        given = Options(options, {"delegation": str, "delegations": STRING_MAP})
        return await self._chat.ask(
            call.caller, call.object_id, prompt, given.get_str("delegation"),
            self._listener(call), given.get_map("delegations"),
        )  # fmt: skip

    def _listener(self, call: Call) -> Emit:
        async def emit(kind: Kind, data: dict[str, Any]) -> None:
            if call.caller.bus_name:
                self.emit(
                    "Event", str(kind), data, object_id=call.object_id, to=call.caller.bus_name
                )
            elif call.event is not None:
                await call.event({"kind": kind, "data": data})

        return emit

    async def Log(self, call: Call) -> list[dict[str, Any]]:
        return self._chat.log(call.caller, call.object_id)

    async def Interrupt(self, call: Call) -> None:
        await self._chat.interrupt(call.caller, call.object_id)

    async def Close(self, call: Call) -> None:
        await self._chat.close(call.caller, call.object_id)


class Answer:
    """The events of one prompt as one text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._error: AiosError | None = None
        self._refusal: AiosError | None = None

    async def add(self, kind: Kind, data: dict[str, Any]) -> None:
        match kind:
            case Kind.TEXT:
                self._parts.append(data["text"])
            case Kind.OUTPUT:
                self._parts.append(data["text"])
            case Kind.COMMAND | Kind.FINISHED if self._parts and self._parts[-1][-1:] != "\n":
                # A model's words and what ran between them each have lines of their own.
                self._parts.append("\n")
            case Kind.SUGGEST:
                self._parts += ["\nDid you mean:\n", *(f"  {c}\n" for c in data["commands"])]
            case Kind.REFUSED:
                self._refusal = from_name(data["name"], data["message"], hint=data["hint"])
            case Kind.ERROR:
                self._error = from_name(data["name"], data["message"], hint=data["hint"])

    def text(self) -> str:
        text = "".join(self._parts).strip("\n")
        if self._error is not None:
            raise self._error
        if self._refusal is not None and not text:
            raise self._refusal
        return text
