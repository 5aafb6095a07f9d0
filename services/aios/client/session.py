"""A chat session, and one prompt of it being answered."""

from collections.abc import Callable, Mapping
from typing import Any

from aios.client import place
from aios.client.answer import Answer
from aios.client.approval import Asked
from aios.client.governed import Delegation, follow
from aios.client.terminal import Terminal
from aios.client.varlink import DENIED, FAILED, NOT_APPROVED, ClientError, Connection, Disconnected

INTERRUPTED = 130
ABSTAINED = 4
OPEN_SECONDS = 30.0
_STATUS = {"ok": 0, "failed": 1, "denied": DENIED, "abstained": ABSTAINED}
_SEVERITY = (0, ABSTAINED, 1, NOT_APPROVED, DENIED, FAILED)


def worst(one: int, other: int) -> int:
    """The exit status of several prompts."""
    rank = {status: place for place, status in enumerate(_SEVERITY)}
    return max(one, other, key=lambda status: rank.get(status, len(_SEVERITY)))


class Session:
    """Holds no connection between prompts, so that no service has to stay for a prompt line."""

    def __init__(self, machine: str, terminal: Terminal, ask: Callable[[], Asked]) -> None:
        self.machine = machine
        self._terminal = terminal
        self._ask = ask
        self.id = ""

    def open(self) -> None:
        """Raises ClientError where aios cannot be reached."""
        parameters = {"machine": self.machine, "options": {}}
        with Connection(place.socket_path("chat"), timeout=OPEN_SECONDS) as connection:
            self.id = str(connection.call(f"{place.CHAT}.Open", parameters)["session"])

    def name(self) -> str:
        """The machine's name: in a machine only the services know it."""
        if not self.machine:
            with Delegation(self.id, "") as delegation:
                self.machine = delegation.machine
        return self.machine

    def ask(self, prompt: str) -> int:
        """The exit status of one prompt. A killed service costs one more try, unless something
        was seen to happen: nothing runs twice."""
        for last in (False, True):
            answer = Answer(self._terminal, self.machine)
            asked = self._ask()
            try:
                return self._attempt(prompt, answer, asked)
            except ClientError as error:
                gone = isinstance(error, Disconnected)
                if not (gone or error.name.endswith(".NotFound")) or last or answer.seen:
                    self._say(error, answer)
                    return NOT_APPROVED if asked.refused else error.status
                if not gone:
                    self.id = ""
        raise AssertionError("the last try returns")

    def _attempt(self, prompt: str, answer: Answer, asked: Asked) -> int:
        if not self.id:
            self.open()
        with (
            Delegation(self.id, self.machine) as delegation,
            Connection(place.socket_path("chat")) as call,
        ):
            parameters = {
                "object": self.id,
                "prompt": prompt,
                "options": {"delegation": delegation.id},
            }
            call.send(f"{place.CHAT}.Session.Ask", parameters, more=True)

            def event(parameters: Mapping[str, Any]) -> None:
                answer.event(str(parameters.get("kind")), parameters.get("data") or {})

            status = str(follow(call, delegation, asked, event).parameters.get("status"))
            self._terminal.fresh_line()
            if delegation.lost and status != "ok" and not answer.seen:
                raise Disconnected(place.socket_path("policy"))
        return _exit_status(status, answer, asked)

    def _say(self, error: ClientError, answer: Answer) -> None:
        hint = error.hint
        if isinstance(error, Disconnected) and answer.commands:
            hint = "Not asked again: a command had been started. `aios history` shows what ran."
        self._terminal.error(error.message, hint)


def _exit_status(status: str, answer: Answer, asked: Asked) -> int:
    if status == "interrupted":
        return INTERRUPTED
    if status == "denied" and (asked.refused or answer.not_approved):
        return NOT_APPROVED
    if status == "failed" and answer.error:
        return FAILED
    return _STATUS.get(status, FAILED)
