"""Whether what was installed is there as it was: by the hashes of the installation's manifest.

Who can change the files can change the manifest: this finds mistakes, not intruders.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from aios import __version__
from aios.client.doctor.host import Host
from aios.client.doctor.report import INSTALL, Report

MANIFEST = Path("/var/lib/aios/manifest.json")
SHOWN = 5
"""Of each kind; how many more there are is said."""


def check(host: Host) -> Report:
    report = Report("installed")
    try:
        files = json.loads(MANIFEST.read_text())["files"]
    except FileNotFoundError:
        report.warn(str(MANIFEST), "is not there: nobody can tell what was altered", INSTALL)
        return report
    except (OSError, ValueError, KeyError) as error:
        report.unseen.append(f"{MANIFEST}: {error}")
        return report
    gone, altered = _compared(report, files)
    for what, paths in (("is not there", gone), ("is not as it was installed", altered)):
        for path in paths[:SHOWN]:
            report.fault(path, what, INSTALL)
        if len(paths) > SHOWN:
            report.fault(f"{len(paths) - SHOWN} more files", what.replace("is", "are", 1), INSTALL)
    report.summary = f"aios {__version__}, {len(files)} files as they were"
    return report


def _compared(report: Report, files: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Missing, altered."""
    gone, altered, hidden = [], [], 0
    for path, known in files.items():
        try:
            found = _digest(Path(path))
        except (FileNotFoundError, NotADirectoryError):
            gone.append(path)
        except OSError:
            hidden += 1
        else:
            if found != known:
                altered.append(path)
    if hidden:
        report.unseen.append(f"{hidden} installed files, which root can read")
    return gone, altered


def _digest(path: Path) -> str:
    """As the installation writes it (install/landing.py)."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    if path.is_dir():
        return "directory"
    return hashlib.sha256(path.read_bytes()).hexdigest()
