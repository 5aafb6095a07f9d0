"""aios-revert@ID: puts the files back that a command on the host ran under guard with, unless
somebody confirmed it, and restarts the units. Without an ID, at boot: those of earlier boots.

Its own process, started by a timer of systemd's: exec may be gone, and what the command broke may
be the way to it. The record is its own, outside of exec's chain.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from systemd import journal

from aios import durable
from aios.audit_ids import MessageId
from aios.ids import is_id
from aios.redact import redact
from aios.revert import BOOT, JOB
from aios.revert.saved import Restored, restore
from aios.text import visible

STATE = Path("/var/lib/aios/exec/.host/guard")
TAKEN = ".reverting"
SECONDS = 90


def revert(directory: Path, *, boot: bool = False) -> int:
    """`directory` is this process's alone."""
    job: dict[str, Any] = json.loads((directory / JOB).read_text())
    restored = restore(directory)
    for why in restored.left:
        print(f"could not be put back: {why}", file=sys.stderr)
    failed: list[str] = []
    if restored.changed or not job.get("told"):
        failed = _told(job, restored, boot=boot)
    if restored.left:
        # It stays, and systemd has us try again; the units are not restarted for nothing then.
        durable.write(directory / JOB, json.dumps({**job, "told": True}))
        return 1
    shutil.rmtree(directory)
    return 1 if failed else 0


def _told(job: dict[str, Any], restored: Restored, *, boot: bool) -> list[str]:
    """In the journal, when the units run with the files that are there now; those that do not."""
    # At boot they start with them.
    failed = [] if boot else [unit for unit in job["units"] if not _restart(unit)]
    command = redact(job["command"])
    journal.send(
        f"Put back on the host, nobody confirmed it: {visible(command)}",
        MESSAGE_ID=str(MessageId.REVERTED), PRIORITY=journal.LOG_WARNING, AIOS_ID=job["id"],
        AIOS_EVENT="reverted", AIOS_COMMAND=command, AIOS_MACHINE=".host",
        AIOS_UID=str(job["uid"]), AIOS_USER=job["user"], AIOS_FILES="\n".join(restored.changed),
        AIOS_LEFT="\n".join(restored.left), AIOS_UNITS=" ".join(job["units"]),
        AIOS_FAILED=" ".join(failed), SYSLOG_IDENTIFIER="aios-revert",
    )  # fmt: skip
    return failed


def _restart(unit: str) -> bool:
    command = ["systemctl", "restart", "--", unit]
    try:
        done = subprocess.run(command, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def one(job: str) -> int:
    taken = STATE / f"{job}{TAKEN}"
    try:
        # Whoever renames it first has it: a confirmation comes before or not at all.
        (STATE / job).rename(taken)
    except FileNotFoundError:
        if not taken.exists():
            return 0
    return revert(taken)


def earlier_boots() -> int:
    status = 0
    now = BOOT.read_text().strip()
    for directory in sorted(STATE.iterdir()):
        job = directory.name.removesuffix(TAKEN)
        if not is_id(job):
            shutil.rmtree(directory)  # was being saved, or has been confirmed
        else:
            try:
                status |= _after_boot(directory, job, now)
            except (OSError, ValueError, KeyError) as error:
                # The others are put back nevertheless.
                print(f"{directory} cannot be put back: {error}", file=sys.stderr)
                status = 1
    return status


def _after_boot(directory: Path, job: str, now: str) -> int:
    if json.loads((directory / JOB).read_text())["boot"] == now:
        return 0
    taken = STATE / f"{job}{TAKEN}"
    directory.rename(taken)
    return revert(taken, boot=True)


def main(arguments: list[str]) -> int:
    if not arguments:
        return earlier_boots()
    if len(arguments) != 1 or not is_id(arguments[0]):
        print("usage: python3 -m aios.revert [ID]", file=sys.stderr)
        return 2
    return one(arguments[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
