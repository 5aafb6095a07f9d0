"""A chat session, and one prompt of it being answered."""

from collections.abc import Callable, Mapping
from typing import Any

from aios.client import place
from aios.client.answer import Answer
from aios.client.approval import Asked
from aios.client.events import Events
from aios.client.governed import Delegation, follow
from aios.client.output import Records
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

    def __init__(
        self,
        machine: str,
        terminal: Terminal,
        ask: Callable[[str], Asked],
        *,
        resume: str = "",
        records: Records | None = None,
        as_json: bool = False,
    ) -> None:
        """ask(prompt): who is asked for approvals meanwhile. resume: a session to go on with.
        records: where commands are kept to be shown again."""
        self.machine = machine
        self.records = records
        self.usage: dict[str, float] = {}
        """What the prompts since this began have cost, by the names that the service gives."""
        self.model = ""
        self._terminal = terminal
        self._ask = ask
        self._as_json = as_json
        self._resume = resume
        self.id = ""

    def open(self) -> None:
        """Raises ClientError where aios cannot be reached."""
        options = {"resume": self._resume, "model": self.model}
        parameters = {
            "machine": self.machine,
            "options": {name: value for name, value in options.items() if value},
        }
        with Connection(place.socket_path("chat"), timeout=OPEN_SECONDS) as connection:
            self.id = str(connection.call(f"{place.CHAT}.Open", parameters)["session"])
        self._resume = ""

    def change(self, *, machine: str = "", model: str = "", resume: str = "") -> None:
        """Another machine, or session, or another model for this one from here on; nothing: a new
        session. Raises ClientError, and stays as it was."""
        before = (self.machine, self.model, self._resume, self.id)
        self.machine, self.model = machine or self.machine, model or self.model
        self._resume = resume or (self.id if model else "")
        try:
            self.open()
            self.name()
        except ClientError:
            self.machine, self.model, self._resume, self.id = before
            raise

    def name(self) -> str:
        """The machine's name: in a machine only the services know it."""
        if not self.machine:
            with Delegation(self.id, "") as delegation:
                self.machine = delegation.machine
        return self.machine

    def ask(self, prompt: str) -> int:
        """The exit status of one prompt, and of the commands that the person made of it."""
        status, instead = self._answered(prompt)
        while instead:
            command = f"!{instead.pop(0)}"
            status, more = self._answered(command)
            instead += more
        return status

    def _answered(self, prompt: str) -> tuple[int, list[str]]:
        """A killed service costs one more try, unless something was seen to happen: nothing runs
        twice."""
        for last in (False, True):
            answer = self._answer()
            asked = self._ask(prompt)
            if isinstance(answer, Events):
                asked.told = answer.put
            try:
                status = self._attempt(prompt, answer, asked)
            except ClientError as error:
                answer.close()
                gone = isinstance(error, Disconnected)
                if not (gone or error.name.endswith(".NotFound")) or last or answer.seen:
                    self._say(error, answer)
                    return NOT_APPROVED if asked.refused else error.status, asked.instead
                if not gone:
                    self.id = ""
            except BaseException:
                answer.close()
                raise
            else:
                return status, asked.instead
            finally:
                for name, value in answer.usage.items():
                    self.usage[name] = self.usage.get(name, 0) + value
        raise AssertionError("the last try returns")

    def _answer(self) -> Answer:
        if self._as_json:
            return Events(self._terminal, self.machine)
        return Answer(self._terminal, self.machine, self.records)

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

            if isinstance(answer, Events):
                answer.put("prompt", {"prompt": prompt, "session": self.id})
            status = str(follow(call, delegation, asked, event).parameters.get("status"))
            answer.close()
            self._terminal.fresh_line()
            if delegation.lost and status != "ok" and not answer.seen:
                raise Disconnected(place.socket_path("policy"))
        ended = _exit_status(status, answer, asked)
        if isinstance(answer, Events):
            answer.put("end", {"status": status, "exit_status": ended})
        return ended

    def _say(self, error: ClientError, answer: Answer) -> None:
        hint = error.hint
        if isinstance(error, Disconnected) and answer.commands:
            hint = "Not asked again: a command had been started. `aios history` shows what ran."
        self._terminal.error(error.message, hint)
        if isinstance(answer, Events):
            fields = {"name": error.name, "message": error.message, "hint": hint}
            answer.put("error", fields)
            answer.put("end", {"status": "failed", "exit_status": error.status})


def _exit_status(status: str, answer: Answer, asked: Asked) -> int:
    if status == "interrupted":
        return INTERRUPTED
    if status == "denied" and (asked.refused or answer.not_approved):
        return NOT_APPROVED
    if status == "failed" and answer.error:
        return FAILED
    return _STATUS.get(status, FAILED)
