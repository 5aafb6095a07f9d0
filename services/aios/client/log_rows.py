"""The commands of the record: the records of each, put together."""

import grp
import os
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from aios.client.varlink import ERROR_PREFIX, UNAVAILABLE, ClientError
from aios.errors import InvalidOption, Unavailable
from aios.record import journal
from aios.record.journal import Record

READERS = ("systemd-journal", "adm", "wheel")
_FIELDS = (
    "ID", "EVENT", "COMMAND", "MACHINE", "UID", "USER", "DECISION", "OUTCOME", "APPROVED_BY",
    "RULE", "REASON", "PROFILE", "EXIT_STATUS", "ENDED", "CPU_USEC", "MEMORY_PEAK",
    "DURATION_USEC", "BYTES_OUT", "SESSION", "PURPOSE", "WORDS", "REDACTED", "INVOCATION", "HASH",
)  # fmt: skip
_NUMBERS = {"uid", "exit_status", "cpu_usec", "memory_peak", "duration_usec", "bytes_out"}
OUTCOMES = ("approved", "rejected", "expired", "withdrawn")
DECISIONS = ("auto_allow", "notify", "require_approval", "deny", *OUTCOMES)
FEW = 500
"""So many commands are looked up by their ids, and more where they are far between."""
A_LOOKUP = 20
"""To look one up takes as long as to read so many records."""
AT_ONCE = 50
_NAMES = {f"AIOS_{name}": name.lower() for name in _FIELDS}


@dataclass
class Command:
    id: str
    fields: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    """The newest first."""

    @property
    def decision(self) -> str:
        """How it was decided, by policy or by a human."""
        return str(self.fields.get("outcome") or self.fields.get("decision") or "")

    @property
    def usec(self) -> int:
        """When it was asked for."""
        return int(self.fields.get("requested_usec", 0))


@dataclass(frozen=True)
class Wanted:
    """Which commands; empty: whichever. since, until: as journalctl understands them."""

    limit: int = 20
    """0: all."""
    machine: str = ""
    user: str = ""
    session: str = ""
    decision: str = ""
    grep: "re.Pattern[str] | None" = None
    since: str = ""
    until: str = ""

    def matches(self) -> list[str] | None:
        """For journalctl. None: there is no such machine in the journal."""
        machines = journal.machines()
        machines = [name for name in machines if not self.machine or name == self.machine]
        if not machines:
            return None
        matches = ["_UID=0", *(f"_SYSTEMD_UNIT=aios-exec@{name}.service" for name in machines)]
        if self.user:
            matches.append(f"AIOS_{'UID' if self.user.isdecimal() else 'USER'}={self.user}")
        if self.session:
            matches.append(f"AIOS_SESSION={self.session}")
        return matches

    def decided(self) -> list[str]:
        if not self.decision:
            return []
        kind = "OUTCOME" if self.decision in OUTCOMES else "DECISION"
        return [f"AIOS_{kind}={self.decision}"]

    def times(self) -> list[str]:
        given = (("since", self.since), ("until", self.until))
        return [f"--{name}={value}" for name, value in given if value]

    def named(self, record: Record) -> bool:
        return self.grep is None or bool(self.grep.search(record.get("AIOS_COMMAND", "")))


def read(
    matches: Iterable[str], *, fields: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[Record]:
    """As `journal.records`, those that count. Raises ClientError."""
    try:
        for record in journal.records(matches, fields=fields, options=options):
            if journal.trusted(record):
                yield record
    except InvalidOption as error:
        raise ClientError(ERROR_PREFIX + "InvalidOption", error.message, error.hint, 2) from error
    except Unavailable as error:
        raise ClientError(UNAVAILABLE, error.message, error.hint) from error


def find(wanted: Wanted) -> Iterator[Command]:
    """The newest first. Raises ClientError."""
    matches = wanted.matches()
    if matches is None:
        return
    if not (wanted.grep or wanted.decision or wanted.until):
        # The first record of each command says whether it is one of them.
        records = read(matches, options=["--reverse", *wanted.times()])
        yield from islice(_put_together(records), wanted.limit or None)
        return
    ids, among = _ids(wanted, matches)
    if len(ids) > FEW and among < len(ids) * A_LOOKUP:
        records = read(matches, options=["--reverse"])
        theirs = (record for record in records if record.get("AIOS_ID") in ids)
        yield from islice(_put_together(theirs), len(ids))
        return
    found = list(ids)
    parts = [found[at : at + AT_ONCE] for at in range(0, len(found), AT_ONCE)]
    yield from _put_together(chain.from_iterable(_of(matches, part) for part in parts))


def _of(matches: Sequence[str], ids: Sequence[str]) -> Iterator[Record]:
    named = [f"AIOS_ID={name}" for name in ids]
    return read([*matches, *named], options=["--reverse"])


def _ids(wanted: Wanted, matches: Sequence[str]) -> tuple[Collection[str], int]:
    """The newest first; and among how many records they are."""
    ids: dict[str, None] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    decided = wanted.decided() or ["AIOS_EVENT=requested"]
    options = ["--reverse", *wanted.times()]
    for record in read([*matches, *decided], options=options):
        machine, number = record["AIOS_MACHINE"], record.get("AIOS_SEQUENCE", "")
        if number.isdecimal():
            last.setdefault(machine, int(number))
            first[machine] = int(number)
        if record.get("AIOS_ID") and wanted.named(record):
            ids[record["AIOS_ID"]] = None
            if len(ids) == wanted.limit:
                break
    return ids, sum(last[machine] - first[machine] for machine in last)


def _put_together(records: Iterable[Record]) -> Iterator[Command]:
    """Reading backwards, a command is whole when its first record is met."""
    begun: dict[str, Command] = {}
    written: deque[str] = deque(maxlen=256)
    for record in records:
        own = {key: record[name] for name, key in _NAMES.items() if name in record}
        if not own.get("id") or not own.get("event"):
            continue
        # An exec that was killed while it wrote a record may write it once more.
        if (digest := own.pop("hash", record["__CURSOR"])) in written:
            continue
        written.append(digest)
        command = begun.setdefault(own["id"], Command(own["id"]))
        at = int(record["__REALTIME_TIMESTAMP"])
        command.events.append({"event": own["event"], "at_usec": at})
        for key, value in own.items():
            if key not in ("id", "event"):
                # The latest record knows most.
                command.fields.setdefault(key, _number(value) if key in _NUMBERS else value)
        if own["event"] == "requested":
            command.fields["requested_usec"] = at
            yield begun.pop(own["id"])


def _number(value: str) -> int | str:
    return int(value) if value.lstrip("-").isdecimal() else value


def require_right_to_read() -> None:
    """Without it journalctl shows nothing, and that is not the same as nothing being there."""
    if os.getuid() == 0:
        return
    groups = set(os.getgroups())
    for name in READERS:
        try:
            if grp.getgrnam(name).gr_gid in groups:
                return
        except KeyError:
            continue
    raise ClientError(
        ERROR_PREFIX + "NotAuthorized",
        "you may not read the system's journal",
        "An administrator can let you: usermod -aG systemd-journal USER, and log in again.",
    )
