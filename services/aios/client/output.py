"""What a command prints, as it comes. Where somebody reads along, the middle of a long output is
folded away and kept; elsewhere all of it is passed on."""

from collections import deque
from dataclasses import dataclass

from aios.client.terminal import Terminal, settled

HEAD, TAIL = 12, 8
LONG = 1000
"""Characters of a folded output's line that are shown."""
KEPT = 1 << 20
"""Characters of one command's output that are kept to be shown again."""
COMMANDS = 50
"""As many of a session's last commands."""


@dataclass
class Record:
    """One command of this prompt."""

    command: str
    machine: str
    id: str = ""
    ended: str = ""
    text: str = ""
    cut: bool = False

    def keep(self, text: str) -> None:
        room = KEPT - len(self.text)
        self.text += text[:room]
        self.cut = self.cut or len(text) > room


Records = deque[Record]


def records() -> Records:
    return deque(maxlen=COMMANDS)


def named(known: Records, name: str) -> Record | None:
    """The one whose id is `name`, or ends so."""
    found = [record for record in known if record.id and record.id.endswith(name.upper())]
    return found[-1] if found else None


class Output:
    """Of one command. Lines are whole when they are written; two streams do not mix within one."""

    def __init__(self, terminal: Terminal, *, record: Record | None) -> None:
        """record: where it is kept, which also folds it."""
        self._terminal = terminal
        self._record = record
        self._open = {"stdout": "", "stderr": ""}
        """The last line of each, which has not ended."""
        self._lines = 0
        self._last: deque[str] = deque(maxlen=TAIL)

    def piece(self, stream: str, text: str) -> None:
        name = stream if stream in self._open else "stdout"
        if self._record is not None:
            self._record.keep(text)
        *lines, self._open[name] = (self._open[name] + text).split("\n")
        if lines:
            self._write(name, lines)

    def left_out(self, stream: str, characters: int) -> None:
        """What comes next is not what follows."""
        rest = "\n" if self._open.get(stream) else ""
        self.piece(stream, f"{rest}… {characters} characters left out …\n")

    def _write(self, name: str, lines: list[str]) -> None:
        # A line of a file from elsewhere may end in CR LF.
        lines = [settled(line.removesuffix("\r")) for line in lines]
        if self._record is None:
            text = "\n".join(lines) + "\n"
            self._terminal.stream(text, aside=name == "stderr")
            return
        for whole in lines:
            more = len(whole) - LONG
            line = f"{whole[:LONG]} … {more} characters" if more > 0 else whole
            self._lines += 1
            if self._lines <= HEAD:
                self._terminal.stream(line + "\n", aside=name == "stderr")
            else:
                self._last.append(line)
        if self._lines > HEAD + TAIL:
            self._terminal.passing(f"  … {self._lines} lines  {self._last[-1]}")

    def end(self, reference: str) -> None:
        """reference: how to see it all."""
        for name, rest in self._open.items():
            if rest:
                self._open[name] = ""
                self._write(name, [rest])
        folded = self._lines - HEAD - len(self._last)
        if folded > 0:
            said = f"{folded} more lines here" if self._terminal.plain else f"… {folded} lines"
            self._terminal.note(f"  {said}, {reference} shows all")
        for line in self._last:
            self._terminal.stream(line + "\n")
        self._last.clear()
        self._terminal.fresh_line()
