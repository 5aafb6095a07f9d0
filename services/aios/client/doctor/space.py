"""Room where aios and its machines write."""

import os
from pathlib import Path

from aios.client.doctor.host import Host
from aios.client.doctor.report import Report
from aios.client.log_show import size

PLACES = (Path("/var/lib/aios"), Path("/var/lib/machines"), Path("/var/log/journal"), Path("/run"))
LITTLE, FULL = 512 * 1024**2, 64 * 1024**2
"""Bytes; of a small file system a tenth, and a fiftieth."""
FEW_FILES = 1000


def check(host: Host) -> Report:
    report = Report("space")
    said: list[str] = []
    seen: set[int] = set()
    for path in PLACES:
        try:
            found, device = os.statvfs(path), path.stat().st_dev
        except OSError:
            continue
        if device in seen:
            continue
        seen.add(device)
        free, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        said.append(f"{path} {size(free)}")
        mend = f"make room: du -xh {path} | sort -h | tail"
        if found.f_flag & os.ST_RDONLY:
            report.fault(str(path), "is on a read-only file system", "mount it read-write")
        elif free < min(FULL, whole // 50):
            report.fault(str(path), f"is full: {size(free)} free; nothing can be recorded", mend)
        elif free < min(LITTLE, whole // 10):
            report.warn(str(path), f"has {size(free)} free of {size(whole)}", mend)
        if found.f_files and found.f_favail < FEW_FILES:
            report.fault(
                str(path), f"has room for {found.f_favail} files only (inodes)",
                f"remove small files: du --inodes -x {path} | sort -n | tail",
            )  # fmt: skip
    report.summary = "free: " + ", ".join(said)
    return report
