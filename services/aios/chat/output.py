"""What a command prints, for three readers: the person sees it as it comes, a model gets its two
ends, and what lies between stays in the session's files, by the command's id.
"""

from dataclasses import dataclass, field

from aios.redact import MARGIN, both_ends, redact

SHOWN = 1024 * 1024
"""Characters of a stream that a person sees, and that are kept; of what is more, the last few."""
LAST = 8192


@dataclass
class Printed:
    """One stream. `ends`: characters of each end that a model is shown; as many more are kept as
    it takes to see a secret whole that a cut goes through."""

    ends: int
    total: int = 0
    head: str = ""
    tail: str = ""
    shown: int = 0
    _parts: list[str] = field(default_factory=list)

    @property
    def _kept(self) -> int:
        return self.ends + MARGIN

    def feed(self, text: str) -> str:
        """What of it a person sees now."""
        self.total += len(text)
        if len(self.head) < self._kept:
            taken = self._kept - len(self.head)
            self.head += text[:taken]
            rest = text[taken:]
        else:
            rest = text
        self.tail = (self.tail + rest)[-max(self._kept, LAST) :]
        show = text[: max(0, SHOWN - self.shown)]
        self.shown += len(show)
        return show

    @property
    def left_out(self) -> int:
        """Characters that nobody saw when it came."""
        return self.total - self.shown

    def last(self) -> str:
        """The end of what nobody saw, to be shown when it is over."""
        return self.tail[-min(LAST, self.left_out) :] if self.left_out else ""

    def for_model(self, reference: str) -> str:
        """Its head and tail, without secrets. reference: where the rest is."""
        behind = min(self._kept, self.total - len(self.head))
        tail = self.tail[len(self.tail) - behind :]
        if self.total == len(self.head) + behind:
            text = redact(self.head + tail)
            head, tail, size = text[: self.ends], text[self.ends :][-self.ends :], len(text)
        else:
            head, tail = both_ends(self.head, tail, (self.ends, self.ends))
            size = self.total
        left_out = size - len(head) - len(tail)
        if not left_out:
            return (head + tail).rstrip("\n")
        return f"{head}\n[… {left_out} characters left out{reference} …]\n{tail}".rstrip("\n")
