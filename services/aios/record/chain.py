"""The chain of records of one machine: each carries the hash of what it says and of the one before.

Records are added in the order in which they stand. What follows what went before costs nothing to
remember; what does not is kept until the end, when it can be named: a record that is not there, one
that says something else than it did, one out of its place, one that was never written by exec.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aios.record.digest import GENESIS, digest

RECENT = 4096
"""So far behind its place a record is still known again."""


class Kind(StrEnum):
    REMOVED = "removed"
    LOST = "lost"
    """The last ones before a boot, or of all: a power loss takes them, and so can somebody."""
    CHANGED = "changed"
    REORDERED = "reordered"
    FORGED = "forged"
    ILLEGIBLE = "illegible"


@dataclass(frozen=True)
class Finding:
    kind: Kind
    machine: str
    what: str
    sequence: int = 0
    """Of the record that it is about, or of the first of them; 0: no number."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Link:
    """What has to be known of a record."""

    sequence: int
    hash: str
    previous: str
    whole: bool
    """Its hash is that of what it says."""
    usec: int
    about: str
    boot: str

    @staticmethod
    def of(fields: Mapping[str, str]) -> "Link | None":
        """None for what has no legible place in a chain."""
        number, stated = fields.get("AIOS_SEQUENCE", ""), fields.get("AIOS_HASH", "")
        if not (number.isascii() and number.isdigit() and len(number) < 19 and int(number)):
            return None
        return Link(
            int(number), stated, fields.get("AIOS_PREVIOUS", ""), digest(fields) == stated,
            _number(fields.get("AIOS_TIME_USEC", "")),
            f"{fields.get('AIOS_EVENT', '?')} of {fields.get('AIOS_ID', '?')}",
            fields.get("_BOOT_ID", ""),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.sequence} ({self.about})"

    def follows(self, other: "Link") -> bool:
        return self.sequence == other.sequence + 1 and self.previous == other.hash


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


@dataclass
class Gap:
    """Between two records that stand one after the other and do not follow each other."""

    after: Link
    before: Link
    found: dict[int, Link] = field(default_factory=dict)
    """What was found of it later."""

    def holds(self, link: Link) -> bool:
        return self.after.sequence < link.sequence < self.before.sequence

    def missing(self) -> Iterator[tuple[int, int]]:
        """Ranges of numbers, both ends included."""
        first = self.after.sequence + 1
        for number in [*sorted(self.found), self.before.sequence]:
            if first < number:
                yield first, number - 1
            first = number + 1


class Chain:
    def __init__(self, machine: str) -> None:
        self.machine = machine
        self.first: Link | None = None
        self.last: Link | None = None
        self.count = 0
        """Records in their places."""
        self.repeated = 0
        """Records that stand twice, as after a kill."""
        self._findings: list[Finding] = []
        self._gaps: list[Gap] = []
        self._ahead: list[tuple[Link, Link]] = []
        """Records beyond the next number, each with the last record before it."""
        self._breaks: list[tuple[Link, Link]] = []
        self._rivals: list[Link] = []
        self._recent: OrderedDict[int, Link] = OrderedDict()

    def add(self, link: Link) -> None:
        known = self._recent.get(link.sequence)
        if known is not None and known.hash == link.hash and known.whole == link.whole:
            self.repeated += 1
            return
        if not link.whole:
            self._find(Kind.CHANGED, link, "says something else than what its hash was made of")
        if self.last is None or link.sequence == self.last.sequence + 1:
            self._take(link)
        elif self._ahead and link.follows(self._ahead[-1][0]):
            self._leap()
            self._take(link)
        elif link.sequence > self.last.sequence:
            self._ahead.append((link, self.last))
        elif self.count == 1 and self.first is not None:
            # The first was not the first.
            self._ahead.append((self.first, link))
            self._recent.clear()
            self.last, self.count = None, 0
            self._take(link)
        else:
            self._late(link)

    def _take(self, link: Link) -> None:
        """The next in its place."""
        while True:
            if self.last is None:
                self.first = link
            elif link.sequence == self.last.sequence + 1 and link.previous != self.last.hash:
                self._breaks.append((self.last, link))
            self.last = link
            self.count += 1
            self._recent[link.sequence] = link
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)
            early = next((a for a in self._ahead if a[0].follows(link)), None)
            if early is None:
                return
            self._ahead.remove(early)
            self._reordered(early[0], early[1], "before")
            link = early[0]

    def _leap(self) -> None:
        """What lies between is not there."""
        while self._ahead:
            link, _ = self._ahead.pop(0)
            assert self.last is not None  # noqa: S101 - something is ahead of it
            if link.sequence > self.last.sequence + 1:
                self._gaps.append(Gap(self.last, link))
            self._take(link)

    def _late(self, link: Link) -> None:
        gap = next((gap for gap in self._gaps if gap.holds(link)), None)
        if gap is not None and link.sequence not in gap.found:
            gap.found[link.sequence] = link
            self.count += 1
            self._reordered(link, gap.before, "after")
        elif link.sequence in self._recent:
            self._rivals.append(link)
        else:
            self._find(Kind.REORDERED, link, f"stands after {self.last}")

    def _reordered(self, link: Link, other: Link, where: str) -> None:
        # Across boots the journal itself goes by the clock, which may have been set back.
        if link.boot == other.boot:
            self._find(Kind.REORDERED, link, f"stands {where} {other}, out of its place")

    def _find(self, kind: Kind, link: Link, what: str) -> None:
        self._findings.append(Finding(kind, self.machine, f"{link} {what}", link.sequence))

    def findings(self) -> list[Finding]:
        """Of all that was added, which has to be all; in the chain's order."""
        # What came ahead and was not reached is the end, unless the chain went on without it.
        for link, before in [*self._ahead]:
            if before is not self.last:
                self._ahead.remove((link, before))
                self._find(Kind.FORGED, link, f"continues nothing; the chain ends with {self.last}")
        self._leap()
        rivals = {link.sequence for link in self._rivals}
        for before, link in self._breaks:
            if before.sequence not in rivals and before.whole and link.whole:
                self._find(
                    Kind.CHANGED, before,
                    f"is not the one that {link} was written after: it was changed, or put in its"
                    " place",
                )  # fmt: skip
        for rival in self._rivals:
            self._rival(rival)
        for gap in self._gaps:
            self._missing(gap)
        if self.first is not None and self.first.sequence == 1 and self.first.previous != GENESIS:
            self._find(Kind.CHANGED, self.first, "is not the beginning that it says it is")
        self._rivals, self._breaks, self._gaps = [], [], []
        self._findings.sort(key=lambda finding: finding.sequence)
        return self._findings

    def _rival(self, rival: Link) -> None:
        """Two of one number: forged is the one that the next was not written after."""
        kept, after = self._recent.get(rival.sequence), self._recent.get(rival.sequence + 1)
        real = rival if after is not None and after.previous == rival.hash else kept
        forged = kept if real is rival and kept is not None else rival
        if forged.hash == rival.hash and not forged.whole:
            return  # named already: a second one with another content
        self._find(Kind.FORGED, forged, "has the number of another record that the chain goes by")

    def _missing(self, gap: Gap) -> None:
        kind = Kind.REMOVED if gap.after.boot == gap.before.boot else Kind.LOST
        for first, last in gap.missing():
            numbers = f"{first}" if first == last else f"{first} to {last}"
            where = f"between {gap.after} and {gap.before}"
            why = ", at the end of a boot: by a power loss, or by somebody" * (kind is Kind.LOST)
            what = f"{numbers} not there, {where}{why}"
            self._findings.append(Finding(kind, self.machine, what, first, last - first + 1))
