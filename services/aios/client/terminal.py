"""What a person sees. Nothing that comes from a service or a command reaches a terminal with its
control characters alive."""

import os
import sys
import termios
import tty
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TextIO

from aios.text import visible

NO_KEY = "\ufffd"
_STYLES = {
    "bold": "1", "dim": "2", "italic": "3",
    "red": "31", "green": "32", "yellow": "33", "cyan": "36",
}  # fmt: skip


def harmless(text: str) -> str:
    """Text of several lines, escaped but for newlines and tabs."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(visible(cell) for cell in line.split("\t")) for line in lines)


def settled(text: str) -> str:
    """Output without the steps of a progress line that was written over itself (dpkg's, git's).
    Only what the next step says again is left out: nothing else can be hidden so."""
    return "\n".join(_settled(line) for line in text.replace("\r\n", "\n").split("\n"))


def _settled(line: str) -> str:
    steps = line.split("\r")
    kept = [
        step
        for step, after in pairwise(steps)
        if not after.startswith(step[: (len(step) + 1) // 2])
    ]
    return "\r".join([*kept, steps[-1]])


def seconds(usec: float) -> str:
    """A duration as a person says it."""
    value = usec / 1_000_000
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def text_of(data: bytes) -> str:
    return data.decode(errors="replace")


class Terminal:
    """Answers go to standard output. What is said about them goes there as well when it is a
    terminal, and to standard error when it is not."""

    def __init__(self, *, plain: bool = False, aside: TextIO | None = None) -> None:
        """plain: no drawing and nothing written over, words instead of symbols, for a screen
        reader. aside: where what is said about answers goes."""
        self.plain = plain
        for stream in (sys.stdout, sys.stderr):
            # A locale without ✓ shall not end the answer.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        self.out: TextIO = sys.stdout
        self.aside: TextIO = aside or (sys.stdout if sys.stdout.isatty() else sys.stderr)
        self.has_person = sys.stdin.isatty() and self.aside.isatty()
        """Somebody is there who can be asked."""
        dumb = os.environ.get("TERM") in (None, "dumb")
        grey = plain or dumb or bool(os.environ.get("NO_COLOR"))
        self._colour = {stream: stream.isatty() and not grey for stream in (self.out, self.aside)}
        self.draws = self.out.isatty() and self.aside is self.out and not (plain or dumb)
        """Lines may be written over."""
        self.questions = 0
        """Asked so far."""
        self._midline: TextIO | None = None
        self._passing = False

    @property
    def width(self) -> int:
        """Columns; what a terminal does not know is 0."""
        try:
            return os.get_terminal_size(self.aside.fileno()).columns or 80
        except OSError:
            return 80

    def styled(self, text: str, style: str, *, on: TextIO | None = None) -> str:
        """`text` is escaped already."""
        if not style or not self._colour[on or self.out]:
            return text
        codes = ";".join(_STYLES[one] for one in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"

    @property
    def coloured(self) -> bool:
        return self._colour[self.out]

    def mark(self, *, ok: bool) -> str:
        if self.plain:
            return "ok" if ok else "failed"
        return "✓" if ok else "✗"

    def piece(self, text: str, style: str) -> None:
        """Of a line whose end comes as a piece of its own, "\\n"."""
        self._settle()
        if self._midline not in (None, self.out):
            self.fresh_line()
        self.out.write(text if text == "\n" else self.styled(harmless(text), style))
        self.out.flush()
        self._midline = None if text == "\n" else self.out

    def passing(self, text: str) -> None:
        """A line about what goes on, which the next thing written takes the place of."""
        if not self.draws or self._midline is not None:
            return
        room = max(self.width - 1, 1)
        row, used = "", 0
        for char in visible(text):
            used += 2 if unicodedata.east_asian_width(char) in "WF" else 1
            if used > room:
                break
            row += char
        self.out.write(f"\r{self.styled(row, 'dim')}\x1b[K")
        self.out.flush()
        self._passing = True

    def _settle(self) -> None:
        if self._passing:
            self._passing = False
            self.out.write("\r\x1b[K")

    def fresh_line(self) -> None:
        self._settle()
        if self._midline is not None:
            self._midline.write("\n")
            # Who reads line by line waits for it; and the next line may be on the other stream.
            self._midline.flush()
            self._midline = None

    def stream(self, text: str, *, aside: bool = False) -> None:
        """A piece of text of any shape; it need not end its line."""
        if not text:
            return
        self._settle()
        target = self.aside if aside else self.out
        if self._midline not in (None, target):
            self.fresh_line()
        target.write(harmless(text))
        target.flush()
        self._midline = None if text.endswith("\n") else target

    def block(self, text: str, *, aside: bool = False) -> None:
        """As `stream`, on lines of its own."""
        self.fresh_line()
        self.stream(text, aside=aside)
        self.fresh_line()

    def line(self, text: str, style: str = "") -> None:
        self._line(self.out, text, style)

    def note(self, text: str, style: str = "dim") -> None:
        self._line(self.aside, text, style)

    def _line(self, target: TextIO, text: str, style: str) -> None:
        self.fresh_line()
        target.write(self.styled(harmless(text), style, on=target) + "\n")
        target.flush()

    def error(self, message: str, hint: str = "") -> None:
        self.fresh_line()
        self.out.flush()
        print_error(message, hint)

    def ask(self, question: str) -> None:
        """Leaves the cursor behind the question."""
        self.questions += 1
        self.fresh_line()
        self.aside.write(self.styled(harmless(question), "bold", on=self.aside) + " ")
        self.aside.flush()
        self._midline = self.aside


def print_error(message: str, hint: str = "") -> None:
    print(f"aios: {visible(message)}", file=sys.stderr)
    if hint:
        print(f"  {visible(hint)}", file=sys.stderr, flush=True)


@contextmanager
def keys(*, signals: bool = True) -> Iterator[int]:
    """Standard input key by key, for the time of one question; its descriptor. What was typed
    before the question is no answer to it, and is dropped.

    signals: Ctrl-C interrupts; otherwise it is a key as others are."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd, termios.TCSAFLUSH)
        if not signals:
            now = termios.tcgetattr(fd)
            now[3] &= ~termios.ISIG
            termios.tcsetattr(fd, termios.TCSANOW, now)
        yield fd
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def read_key(fd: int) -> str:
    """One key, or "" at the end of input. A paste or an escape sequence, which come as several
    bytes at once, is no key: NO_KEY."""
    data = os.read(fd, 4096)
    if len(data) > 1:
        data = data.rstrip(b"\r\n") or b"\n"
    return data.decode(errors="replace") if len(data) <= 1 else NO_KEY
