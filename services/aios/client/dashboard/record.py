"""What the journal knows: what waits, what was done last, what was refused."""

import time
from typing import Any

from aios.client import log_rows, log_table
from aios.client.log_rows import Command, Wanted

SHOWN = 10
REFUSED = 5
NOT_RUN = ("deny", "rejected", "expired")
_PENDING = ["AIOS_ID", "AIOS_MACHINE", "AIOS_USER", "AIOS_COMMAND", "AIOS_EXPIRES_USEC"]
_AT_ONCE = 50


def look() -> dict[str, list[dict[str, Any]]]:
    """pending, commands and refused, each the newest first. Raises ClientError."""
    log_rows.require_right_to_read()
    matches = Wanted().matches()
    if matches is None:
        return {"pending": [], "commands": [], "refused": []}
    return {
        "pending": _pending(matches),
        "commands": [_row(command) for command in log_rows.find(Wanted(SHOWN))],
        "refused": _refused(),
    }


def _refused() -> list[dict[str, Any]]:
    """By policy, by a human, or because nobody answered."""
    found = [one for how in NOT_RUN for one in log_rows.find(Wanted(REFUSED, decision=how))]
    found.sort(key=lambda command: command.usec, reverse=True)
    return [_row(command) for command in found[:REFUSED]]


def _pending(matches: list[str]) -> list[dict[str, Any]]:
    """Asked for, not expired, and nothing said yet of how it was decided."""
    now = time.time_ns() // 1000
    waiting: dict[str, dict[str, Any]] = {}
    asked = [*matches, "AIOS_EVENT=pending"]
    options = ["--reverse", f"--lines={_AT_ONCE}"]
    for record in log_rows.read(asked, fields=_PENDING, options=options):
        expires = record.get("AIOS_EXPIRES_USEC", "")
        if expires.isdecimal() and int(expires) > now:
            waiting[record["AIOS_ID"]] = {
                "id": record["AIOS_ID"], "command": record.get("AIOS_COMMAND", ""),
                "machine": record["AIOS_MACHINE"], "user": record.get("AIOS_USER", ""),
                "expires_usec": int(expires),
            }  # fmt: skip
    if waiting:
        ids = [f"AIOS_ID={name}" for name in waiting]
        fields = ["AIOS_ID", "AIOS_EVENT", "AIOS_MACHINE"]
        for record in log_rows.read([*matches, *ids], fields=fields):
            if record.get("AIOS_EVENT") not in ("requested", "pending"):
                waiting.pop(record["AIOS_ID"], None)
    return list(waiting.values())


def _row(command: Command) -> dict[str, Any]:
    mark, _style, end = log_table.how(command)
    known = command.fields
    return {
        "id": command.id, "requested_usec": command.usec, "command": known.get("command", ""),
        "machine": known.get("machine", ""), "user": log_table.who(command),
        "decision": command.decision, "end": end, "mark": mark,
    }  # fmt: skip
