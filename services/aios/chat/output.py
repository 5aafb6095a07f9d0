"""What a command prints, for three readers: the person sees it as it comes, a model gets its two
ends, and what lies between stays in the session's files, by the command's id.
"""

from dataclasses import dataclass, field

SHOWN = 1024 * 1024
"""Characters of a stream that a person sees, and that are kept; of what is more, the last few."""
LAST = 8192


@dataclass
class Printed:
    """One stream. `ends`: characters kept of each end for a model."""

    ends: int
    total: int = 0
    head: str = ""
    tail: str = ""
    shown: int = 0
    _parts: list[str] = field(default_factory=list)

    def feed(self, text: str) -> str:
        """What of it a person sees now."""
        self.total += len(text)
        if len(self.head) < self.ends:
            taken = self.ends - len(self.head)
            self.head += text[:taken]
            rest = text[taken:]
        else:
            rest = text
        self.tail = (self.tail + rest)[-max(self.ends, LAST) :]
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
        """Its head and tail. reference: where the rest is."""
        between = self.total - 2 * self.ends
        behind = min(self.ends, self.total - len(self.head))
        tail = self.tail[len(self.tail) - behind :]
        if between <= 0:
            return (self.head + tail).rstrip("\n")
        return f"{self.head}\n[… {between} characters left out{reference} …]\n{tail}".rstrip("\n")
