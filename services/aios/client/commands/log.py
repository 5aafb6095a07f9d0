"""aios log: the audit, from the journal; one line for each command.

Only what journald itself says is trusted: a record counts when it came from root in exactly
aios-exec@….service. Anybody may write the AIOS_ fields.
"""

import grp
import json
import os
import re
import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aios.client import place
from aios.client.terminal import Terminal, seconds, text_of
from aios.client.varlink import ERROR_PREFIX, UNAVAILABLE, ClientError

UNIT = re.compile(r"aios-exec@[^/]+\.service")
READERS = ("systemd-journal", "adm", "wheel")
_FIELDS = (
    "ID", "EVENT", "COMMAND", "MACHINE", "UID", "USER", "DECISION", "OUTCOME", "APPROVED_BY",
    "RULE", "REASON", "PROFILE", "EXIT_STATUS", "ENDED", "CPU_USEC", "MEMORY_PEAK",
    "DURATION_USEC", "SESSION", "PURPOSE", "HASH",
)  # fmt: skip
_NUMBERS = {"uid", "exit_status", "cpu_usec", "memory_peak", "duration_usec"}


@dataclass
class Command:
    id: str
    fields: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios log",
        description="The audit: what was asked for, what was decided, what was done. The newest"
        " last.",
        epilog="`journalctl -u 'aios-*'` shows every record; -x explains them.",
    )
    parser.add_argument("-n", type=int, default=20, metavar="N", help="commands (20); 0: all")
    parser.add_argument("--json", action="store_true", help="one object a line")
    given = parser.parse_args(arguments)
    if given.n < 0:
        parser.error("-n is at least 0")
    place.require_host("the audit", "There: aios log")
    found = commands(given.n)
    if not found:
        require_right_to_read()
    terminal = Terminal()
    for command in reversed(found):
        if given.json:
            about = {"id": command.id, **command.fields, "events": command.events[::-1]}
            print(json.dumps(about, ensure_ascii=False))
        else:
            _show(terminal, command)
    return 0


def commands(wanted: int) -> list[Command]:
    """Newest first; 0: all. Reading backwards, a command is whole when its first record is met."""
    found: dict[str, Command] = {}
    hashes = set()
    whole = 0
    for record in _records():
        own = {key.lower(): record[f"AIOS_{key}"] for key in _FIELDS if f"AIOS_{key}" in record}
        if not own.get("id") or not own.get("event"):
            continue
        # An exec that was killed while it wrote a record may write it once more.
        if (digest := own.pop("hash", record["__CURSOR"])) in hashes:
            continue
        hashes.add(digest)
        command = found.setdefault(own["id"], Command(own["id"]))
        at = int(record["__REALTIME_TIMESTAMP"])
        command.events.append({"event": own["event"], "at_usec": at})
        for key, value in own.items():
            if key not in ("id", "event"):
                # The latest record knows most.
                command.fields.setdefault(key, _number(value) if key in _NUMBERS else value)
        if own["event"] == "requested":
            command.fields["requested_usec"] = at
            whole += 1
            if whole == wanted:
                break
    return [command for command in found.values() if "requested_usec" in command.fields]


def _number(value: str) -> int | str:
    return int(value) if value.lstrip("-").isdecimal() else value


def _records() -> Iterator[dict[str, str]]:
    """Trusted records, newest first."""
    fields = ",".join(["_SYSTEMD_UNIT", "_UID", *(f"AIOS_{key}" for key in _FIELDS)])
    command = [
        "journalctl", "--reverse", "--output=json", "--all", "--no-pager", "--quiet",
        f"--output-fields={fields}", "--unit=aios-exec@*.service", "_UID=0",
    ]  # fmt: skip
    try:
        journal = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise ClientError(UNAVAILABLE, f"journalctl: {error.strerror}") from error
    with journal:
        assert journal.stdout is not None  # noqa: S101 - PIPE
        assert journal.stderr is not None  # noqa: S101 - PIPE
        try:
            for line in journal.stdout:
                record = {key: _text(value) for key, value in json.loads(line).items()}
                if UNIT.fullmatch(record.get("_SYSTEMD_UNIT", "")) and record.get("_UID") == "0":
                    yield record
        finally:
            journal.terminate()


def _text(value: Any) -> str:
    """journalctl writes what is not plain text as a list of bytes, a field that is there several
    times as a list of values: of those none can be meant."""
    if isinstance(value, list):
        return text_of(bytes(value)) if all(isinstance(byte, int) for byte in value) else ""
    return value if isinstance(value, str) else ""


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


def _show(terminal: Terminal, command: Command) -> None:
    known = command.fields
    at = datetime.fromtimestamp(known["requested_usec"] / 1_000_000).astimezone()
    mark, style, end = _end(command)
    decision = known.get("outcome") or known.get("decision")
    about = [end, decision, known.get("machine"), known.get("user") or f"uid {known.get('uid')}"]
    if known.get("purpose"):
        about.append(known["purpose"])
    if isinstance(known.get("duration_usec"), int):
        about.append(seconds(known["duration_usec"]))
    line = " ".join(str(known.get("command", "")).splitlines())
    terminal.line(
        f"{at:%Y-%m-%d %H:%M:%S}  {mark} {line}  ({', '.join(str(a) for a in about if a)})", style
    )


def _end(command: Command) -> tuple[str, str, str]:
    """(mark, style, what became of it)"""
    status, last = command.fields.get("exit_status"), command.events[0]["event"]
    if status is None:
        if last in ("requested", "pending", "started"):
            return "…", "", {"started": "running"}.get(last, last)
        return "✗", "red", str(command.fields.get("ended", "not run"))
    ended = command.fields.get("ended", "exit")
    if status:
        return "✗", "red", f"exit {status}" if ended == "exit" else f"{ended}, exit {status}"
    return "✓", "green", "done"
