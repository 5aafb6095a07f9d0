"""aios log show: one command, from what the person said to its end, and what the machine's own
journal has of it."""

from typing import Any

from aios.client import log_rows
from aios.client.log_table import local
from aios.client.terminal import Terminal, seconds
from aios.client.varlink import ERROR_PREFIX, ClientError
from aios.errors import AiosError
from aios.record import journal
from aios.record.digest import digest
from aios.record.journal import Record
from aios.text import print_json, visible

HOST = ".host"
ID_LENGTH = 26
MIN_END = 4
_ABOUT = (
    ("WORDS", "said"), ("RULE", "rule"), ("REASON", "reason"), ("PROFILE", "profile"),
    ("CWD", "in"), ("APPROVED_BY", "approved by"), ("CONFIRMED_BY", "confirmed by"),
    ("UNENFORCED", "not enforced"), ("UNIT", "unit"), ("EXIT_STATUS", "exit status"),
    ("SIGNAL", "signal"), ("ENDED", "ended by"), ("DURATION_USEC", "took"), ("CPU_USEC", "CPU"),
    ("MEMORY_PEAK", "memory"), ("IO_READ_BYTES", "read"), ("IO_WRITE_BYTES", "written"),
    ("BYTES_OUT", "printed"), ("INVOCATION", "invocation"), ("FILES", "put back"),
    ("LEFT", "not put back"), ("UNITS", "restarted"), ("FAILED", "did not come up"),
)  # fmt: skip


def show(given: str, *, as_json: bool) -> int:
    """0, or 1 when a record says something else than was written."""
    job = given.upper() if len(given) == ID_LENGTH else _by_end(given.upper())
    records = _records(job)
    if not records:
        log_rows.require_right_to_read()
        raise ClientError(ERROR_PREFIX + "NotFound", f"no command {given!r} in the record",
                          "aios log -n 0 lists all")  # fmt: skip
    theirs, why = _machines(job, records)
    changed = [r for r in records if "AIOS_HASH" in r and digest(r) != r["AIOS_HASH"]]
    if as_json:
        print_json({
            "id": job, "records": [_own(record) for record in records],
            "machine_journal": [_own(record) for record in theirs], "whole": not changed,
        })  # fmt: skip
        return 1 if changed else 0
    terminal = Terminal()
    first = records[0]
    terminal.line(visible(first.get("AIOS_COMMAND", "")), "bold")
    about = [job, f"machine {first.get('AIOS_MACHINE')}", f"{first.get('AIOS_USER')} (uid"
             f" {first.get('AIOS_UID')})"]  # fmt: skip
    if session := first.get("AIOS_SESSION"):
        about.append(f"session {session}")
    if first.get("AIOS_REDACTED"):
        about.append("secrets struck out")
    terminal.line(visible(", ".join(about)), "dim")
    _events(terminal, records)
    if theirs:
        terminal.line("In the machine's own journal:", "bold")
    for record in theirs:
        sender = record.get("SYSLOG_IDENTIFIER") or record.get("_COMM", "")
        for line in record.get("MESSAGE", "").splitlines() or [""]:
            terminal.line(f"  {_when(record)}  {visible(sender)}: {visible(line)}")
    if why:
        terminal.note(f"The machine's own journal: {why}")
    _chained(terminal, records, changed)
    return 1 if changed else 0


def _by_end(end: str) -> str:
    matches = log_rows.Wanted().matches() if len(end) >= MIN_END else None
    if matches is not None:
        requested = [*matches, "AIOS_EVENT=requested"]
        fields = ["AIOS_ID", "AIOS_MACHINE"]
        for record in log_rows.read(requested, fields=fields, options=["--reverse"]):
            if record.get("AIOS_ID", "").endswith(end):
                return record["AIOS_ID"]
    return end


def _records(job: str) -> list[Record]:
    found: dict[str, Record] = {}
    try:
        for record in journal.records([f"AIOS_ID={job}", "_UID=0"]):
            if journal.trusted(record) or journal.reverted(record):
                found.setdefault(record.get("AIOS_HASH", record["__CURSOR"]), record)
    except AiosError as error:
        raise ClientError(error.name, error.message, error.hint) from error
    return list(found.values())


def _machines(job: str, records: list[Record]) -> tuple[list[Record], str]:
    """What the machine's journal has, or why nobody can tell."""
    machine = records[0].get("AIOS_MACHINE", HOST)
    invocation = next((r["AIOS_INVOCATION"] for r in records if "AIOS_INVOCATION" in r), "")
    if invocation:
        matches = [f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"]
    elif any(record.get("AIOS_EVENT") == "started" for record in records):
        unit = f"run-aios-{job}.service"
        matches = [f"_SYSTEMD_UNIT={unit}", "+", f"UNIT={unit}"]
    else:
        return [], ""
    options = [] if machine == HOST else [f"--machine={machine}"]
    try:
        return list(journal.records(matches, options=options)), ""
    except AiosError as error:
        return [], error.message


def _when(record: Record) -> str:
    usec = int(record["__REALTIME_TIMESTAMP"])
    return f"{local(usec)}.{usec // 1000 % 1000:03}"


def _events(terminal: Terminal, records: list[Record]) -> None:
    said: dict[str, str] = {}
    for record in records:
        event = record.get("AIOS_OUTCOME") or record.get("AIOS_EVENT", "")
        message = record.get("MESSAGE", "").rpartition(f": {record.get('AIOS_COMMAND', '')}")[0]
        said_so = visible(message or record.get("MESSAGE", ""))
        terminal.line(f"{_when(record)}  {event:<10} {said_so}")
        for name, label in _ABOUT:
            value = record.get(f"AIOS_{name}", "")
            # Each is told where it is new.
            if value and said.get(name) != value:
                said[name] = value
                # Of several lines (files, what somebody said) none passes for a record's.
                lines = map(visible, _value(name, value).split("\n"))
                terminal.line(f"    {label}: " + "\n      ".join(lines), "dim")


def _value(name: str, value: str) -> str:
    if not value.isdecimal():
        return value
    if name.endswith("_USEC"):
        return seconds(int(value))
    if name in ("MEMORY_PEAK", "BYTES_OUT") or name.endswith("_BYTES"):
        return size(int(value))
    return value


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _chained(terminal: Terminal, records: list[Record], changed: list[Record]) -> None:
    numbers = [record["AIOS_SEQUENCE"] for record in records if "AIOS_SEQUENCE" in record]
    for record in changed:
        terminal.line(
            f"Record {record.get('AIOS_SEQUENCE')} ({record.get('AIOS_EVENT')}) says something else"
            " than was written.", "red",
        )  # fmt: skip
    if not changed and numbers:
        terminal.note(f"Records {', '.join(numbers)}: each says what its hash was made of.")


def _own(record: Record) -> dict[str, Any]:
    """Without what journalctl adds for itself."""
    return {name: value for name, value in record.items() if name != "__CURSOR"}
