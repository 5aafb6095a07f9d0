"""Records as JSON lines that can be verified elsewhere: all that the hashes are over, and what
journald said of them. The first and the last line say what the export is, and where it ends.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from aios.record import journal
from aios.record.digest import content
from aios.record.verify import MARK

BESIDE = (
    "AIOS_HASH", "__REALTIME_TIMESTAMP", "_BOOT_ID", "_MACHINE_ID", "_HOSTNAME", "_SYSTEMD_UNIT",
    "_UID",
)  # fmt: skip


def lines(records: Iterable[journal.Record]) -> Iterator[dict[str, Any]]:
    """Those that count, in the order in which they come."""
    ends: dict[str, dict[str, Any]] = {}
    began = {MARK: "begin", "host": os.uname().nodename, "at": datetime.now(UTC).isoformat()}
    yield began
    for record in records:
        number = record.get("AIOS_SEQUENCE", "")
        if not journal.trusted(record) or not number.isdecimal():
            continue
        kept = content(record) | {name: record[name] for name in BESIDE if name in record}
        yield dict[str, Any](kept)
        _extend(ends, record["AIOS_MACHINE"], int(number), record.get("AIOS_HASH", ""))
    yield {MARK: "end", "machines": ends}


def _extend(ends: dict[str, dict[str, Any]], machine: str, number: int, stated: str) -> None:
    end = ends.setdefault(machine, {"records": 0, "first": number, "last": 0, "hash": ""})
    end["records"] += 1
    end["first"] = min(end["first"], number)
    if number > end["last"]:
        end["last"], end["hash"] = number, stated
