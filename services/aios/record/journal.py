"""Records as journalctl gives them. What counts is journald's own word: a record is one when it
came from root in exactly aios-exec@MACHINE.service. Anybody may send the AIOS_ fields.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence

from aios.errors import InvalidOption, Unavailable
from aios.record import stream

UNIT = re.compile(r"aios-exec@([^/@]+)\.service")
REVERT = re.compile(r"aios-revert(?:@[^/@]+)?\.service")
TRUSTED = ("_SYSTEMD_UNIT", "_UID", "_BOOT_ID")
Record = dict[str, str]


def machine_of(record: Mapping[str, str]) -> str:
    """Whose exec wrote it; empty for what nobody's did."""
    unit = UNIT.fullmatch(record.get("_SYSTEMD_UNIT", ""))
    return unit[1] if unit and record.get("_UID") == "0" else ""


def trusted(record: Mapping[str, str]) -> bool:
    """Exec wrote it, about its own machine."""
    machine = machine_of(record)
    return bool(machine) and record.get("AIOS_MACHINE") == machine


def reverted(record: Mapping[str, str]) -> bool:
    """The lock-out guard's other half wrote it, outside of the chain."""
    unit = record.get("_SYSTEMD_UNIT", "")
    return record.get("_UID") == "0" and REVERT.fullmatch(unit) is not None


def of_machine(machine: str) -> list[str]:
    return [f"_SYSTEMD_UNIT=aios-exec@{machine}.service", "_UID=0"]


def machines() -> list[str]:
    """Those whose exec ever wrote something that the journal still has."""
    done = subprocess.run(
        ["journalctl", "--field=_SYSTEMD_UNIT"], capture_output=True, text=True, check=False
    )
    units = (UNIT.fullmatch(line) for line in done.stdout.splitlines())
    return sorted(unit[1] for unit in units if unit)


def records(
    matches: Iterable[str], *, fields: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[Record]:
    """What matches, whoever sent it, as journalctl orders it. `fields`: only these and TRUSTED;
    none: all. Raises Unavailable, and InvalidOption for what journalctl does not understand."""
    command = ["journalctl", "--output=export", "--no-pager", "--quiet", *options]
    if fields:
        command.append(f"--output-fields={','.join([*TRUSTED, *fields])}")
    try:
        journal = subprocess.Popen(
            [*command, *matches], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise Unavailable(f"journalctl: {error.strerror}") from error
    with journal:
        assert journal.stdout is not None  # noqa: S101 - PIPE
        assert journal.stderr is not None  # noqa: S101 - PIPE
        try:
            yield from stream.records(journal.stdout.fileno())
            said = journal.stderr.read().decode(errors="replace").strip()
            if journal.wait() and "arse" in said:
                raise InvalidOption(said, hint="man 7 systemd.time")
            if journal.returncode < 0 or (journal.returncode and said):
                # What it was killed in the middle of is not the end of the record.
                raise Unavailable(f"journalctl: {said or f'signal {-journal.returncode}'}")
        finally:
            journal.terminate()


def oldest_usec() -> int:
    """When the journal begins, realtime; 0: it is empty, or may not be read."""
    for record in records([], fields=("MESSAGE_ID",), options=["--system"]):
        return int(record["__REALTIME_TIMESTAMP"])
    return 0


def record_of(values: Mapping[str, object]) -> Record:
    return {name: text(value) for name, value in values.items()}


def text(value: object) -> str:
    """journalctl writes what is not plain text as a list of bytes, a field that is there several
    times as a list of values: of those none can be meant."""
    if isinstance(value, list):
        if all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
            return bytes(value).decode(errors="replace")
        return ""
    return value if isinstance(value, str) else ""
