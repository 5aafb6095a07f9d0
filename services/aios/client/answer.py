"""One answer as it comes: text, each command as the line that will run, what came of it."""

from collections.abc import Mapping
from typing import Any

from aios.client.markdown import Markdown
from aios.client.output import Output, Record, Records
from aios.client.terminal import Terminal, seconds
from aios.client.varlink import DENIED, ClientError
from aios.text import visible

Data = Mapping[str, Any]
BLOCKED = (
    "Its profile, read-only, may be why. With a wider one it needs approval:"
    " aios exec --profile standard -- …"
)


SHORT = 6
"""Characters of an id that name one of a session's commands."""


class Answer:
    def __init__(self, terminal: Terminal, machine: str, records: Records | None = None) -> None:
        """records: where commands are kept to be shown again, so that what is long is folded."""
        self._terminal = terminal
        self._machine = machine
        self._records = records
        self._record: Record | None = None
        self._output: Output | None = None
        self._markdown: Markdown | None = None
        if terminal.draws:
            self._markdown = Markdown(
                terminal.piece, lambda: terminal.width, coloured=terminal.coloured
            )
        self.usage: dict[str, float] = {}
        self._order: list[object] = []
        """Numbers of the commands that have not ended. The first one is shown as it goes on."""
        self._held: dict[object, list[tuple[str, Data]]] = {}
        """What has been told of the others, which run beside it."""
        self.seen = False
        """Something was shown that a second try would show again."""
        self.commands = 0
        self.error = False
        self.not_approved = False

    def event(self, kind: str, data: Data) -> None:
        """Kinds that a newer service has and this client does not know are left out."""
        number = data.get("number")
        if number is None or kind not in _OF_COMMAND:
            self._show(kind, data)
            return
        if kind == "command":
            self._order.append(number)
        if self._order and number != self._order[0]:
            self._held.setdefault(number, []).append((kind, data))
            return
        self._show(kind, data)
        if kind in _ENDS:
            self._ended()

    def _ended(self) -> None:
        """The first has; what is known of the next ones follows."""
        while self._order:
            del self._order[0]
            told = self._held.pop(self._order[0], []) if self._order else []
            for kind, data in told:
                self._show(kind, data)
            if not told or told[-1][0] not in _ENDS:
                return

    def _show(self, kind: str, data: Data) -> None:
        show = _KINDS.get(kind)
        if show is not None:
            self.seen = self.seen or kind not in _UNSEEN
            if self._markdown is not None and kind not in ("text", "usage"):
                self._markdown.close()
            show(self, data)

    def close(self) -> None:
        """No more events come."""
        while self._order:
            self._end_output()
            self._ended()
        if self._markdown is not None:
            self._markdown.close()
        self._end_output()

    def text(self, data: Data) -> None:
        if self._markdown is not None:
            self._markdown.feed(str(data.get("text", "")))
        else:
            self._terminal.stream(str(data.get("text", "")))

    def notice(self, data: Data) -> None:
        self._terminal.note(str(data.get("text", "")))

    def command(self, data: Data) -> None:
        self._end_output()
        self.commands += 1
        if why := data.get("why"):
            self._terminal.note(f"  {why}")
        command, machine = str(data["command"]), str(data.get("machine", ""))
        place = f"[{machine}] " if self._machine and machine != self._machine else ""
        self._terminal.line(visible(f"  {place}$ {command}"), "bold")
        if self._records is not None:
            self._record = Record(command, machine)
            self._records.append(self._record)

    def output(self, data: Data) -> None:
        """A piece, {stream, text}, as it comes; or both streams, {stdout, stderr}, at once."""
        if self._output is None:
            self._output = Output(self._terminal, record=self._record)
        if "text" in data:
            stream = str(data.get("stream", "stdout"))
            if left_out := int(data.get("left_out", 0)):
                self._output.left_out(stream, left_out)
            self._output.piece(stream, str(data["text"]))
            return
        for stream in ("stdout", "stderr"):
            if text := str(data.get(stream, "")):
                self._output.piece(stream, text if text.endswith("\n") else text + "\n")

    def _end_output(self, command_id: str = "") -> None:
        output, self._output = self._output, None
        record, self._record = self._record, None
        if record is not None:
            record.id = command_id
        if output is not None:
            output.end(f"/log {command_id[-SHORT:]}".rstrip())

    def finished(self, data: Data) -> None:
        record = self._record
        self._end_output(str(data.get("id", "")))
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
        mark = self._terminal.mark(ok=not status)
        said = f"{mark}: {', '.join(parts)}" if self._terminal.plain else (
            f"{mark} {' · '.join(parts)}"
        )  # fmt: skip
        if record is not None:
            record.ended = said.strip()
        self._terminal.note(f"  {said}", "red" if status else "green")
        if data.get("profile_blocked"):
            self._terminal.note(f"    {BLOCKED}")

    def refused(self, data: Data) -> None:
        self._end_output()
        error = ClientError(str(data.get("name", "")), str(data.get("message", "")))
        self.not_approved = bool(error.name) and error.status not in (DENIED, 125)
        mark = "" if self._terminal.plain else self._terminal.mark(ok=False) + " "
        self._terminal.line(f"  {mark}not run: {error.message}", "red")
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

    def prompt(self, data: Data) -> None:
        self._terminal.line(f"> {data.get('text', '')}", "bold")

    def tool(self, data: Data) -> None:
        why = f": {data['why']}" if data.get("why") else ""
        self._terminal.note(f"  {data.get('name', '')}{why}")

    def retry(self, data: Data) -> None:
        self._terminal.note(
            f"  {data.get('reason', '')}: asked again in {float(data.get('seconds', 0)):g} s"
            f" ({data.get('attempt', '')} of {data.get('attempts', '')})"
        )

    def spent(self, data: Data) -> None:
        for name, value in data.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.usage[name] = self.usage.get(name, 0) + value


_OF_COMMAND = frozenset({"command", "output", "finished", "refused"})
_ENDS = frozenset({"finished", "refused"})
_UNSEEN = frozenset({"notice", "usage", "retry"})
_KINDS = {
    "text": Answer.text,
    "notice": Answer.notice,
    "command": Answer.command,
    "output": Answer.output,
    "finished": Answer.finished,
    "refused": Answer.refused,
    "suggest": Answer.suggest,
    "error": Answer.failure,
    "prompt": Answer.prompt,
    "tool": Answer.tool,
    "retry": Answer.retry,
    "usage": Answer.spent,
}
