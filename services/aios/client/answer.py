"""One answer as it comes: text, each command as the line that will run, what came of it."""

from collections.abc import Mapping
from typing import Any

from aios.client.terminal import Terminal, seconds, settled
from aios.client.varlink import DENIED, ClientError
from aios.text import visible

Data = Mapping[str, Any]
BLOCKED = (
    "Its profile, read-only, may be why. With a wider one it needs approval:"
    " aios exec --profile standard -- …"
)


class Answer:
    def __init__(self, terminal: Terminal, machine: str) -> None:
        self._terminal = terminal
        self._machine = machine
        self.seen = False
        """Something was shown that a second try would show again."""
        self.commands = 0
        self.error = False
        self.not_approved = False

    def event(self, kind: str, data: Data) -> None:
        """Kinds that a newer service has and this client does not know are left out."""
        show = _KINDS.get(kind)
        if show is not None:
            self.seen = self.seen or kind != "notice"
            show(self, data)

    def text(self, data: Data) -> None:
        self._terminal.stream(str(data.get("text", "")))

    def notice(self, data: Data) -> None:
        self._terminal.note(str(data.get("text", "")))

    def command(self, data: Data) -> None:
        self.commands += 1
        if why := data.get("why"):
            self._terminal.note(f"  {why}")
        machine = str(data.get("machine", ""))
        place = f"[{machine}] " if self._machine and machine != self._machine else ""
        self._terminal.line(visible(f"  {place}$ {data['command']}"), "bold")

    def output(self, data: Data) -> None:
        self._terminal.block(settled(str(data.get("stdout", ""))))
        self._terminal.block(settled(str(data.get("stderr", ""))), aside=True)

    def finished(self, data: Data) -> None:
        status, ended = int(data.get("exit_status", 0)), str(data.get("ended", "exit"))
        parts = []
        if status:
            parts.append(f"exit {status}" if ended == "exit" else f"{ended}, exit {status}")
        if "duration_usec" in data:
            parts.append(seconds(data["duration_usec"]))
        if data.get("decision") not in (None, "auto_allow"):
            parts.append(str(data["decision"]))
        if data.get("truncated"):
            parts.append(f"{data['truncated']} bytes of output left out")
        mark, style = ("✗", "red") if status else ("✓", "green")
        self._terminal.note(f"  {mark} {' · '.join(parts)}", style)
        if data.get("profile_blocked"):
            self._terminal.note(f"    {BLOCKED}")

    def refused(self, data: Data) -> None:
        error = ClientError(str(data.get("name", "")), str(data.get("message", "")))
        self.not_approved = bool(error.name) and error.status not in (DENIED, 125)
        self._terminal.line(f"  ✗ not run: {error.message}", "red")
        for label in ("rule", "hint"):
            if data.get(label):
                self._terminal.line(f"    {data[label]}")

    def suggest(self, data: Data) -> None:
        commands = [str(command) for command in data.get("commands", ())]
        if commands:
            self._terminal.line("Did you mean (nothing was run):")
        for command in commands:
            self._terminal.line(f"  !{visible(command)}")

    def failure(self, data: Data) -> None:
        self.error = True
        self._terminal.error(str(data.get("message", "")), str(data.get("hint", "")))


_KINDS = {
    "text": Answer.text,
    "notice": Answer.notice,
    "command": Answer.command,
    "output": Answer.output,
    "finished": Answer.finished,
    "refused": Answer.refused,
    "suggest": Answer.suggest,
    "error": Answer.failure,
}
