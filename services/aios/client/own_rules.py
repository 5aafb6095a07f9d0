"""A person's own rules, [permissions] of ~/.config/syui/ai/config.toml, handed to policy.

The service cannot read homes. It keeps what it was given, so this is done once for each change of
the file. Nothing here ever stops what the person wanted to do.
"""

import contextlib
import os
import stat
import sys
from pathlib import Path

from aios.client import place
from aios.client.varlink import UNAVAILABLE, ClientError
from aios.text import visible

FILE = Path("~/.config/syui/ai/config.toml")
MAX_BYTES = 64 * 1024
SECONDS = 10.0
KEPT = Path("/var/lib/aios/policy")
"""Another directory there is another installation, which has been told nothing."""


def hand_over() -> None:
    """Tells policy about the file if it has changed since it was last told."""
    if place.in_machine():
        return
    try:
        file, status = _look()
        mark, before = _mark(status), _told()
        if mark == before or (status is None and not before):
            return
        text = "" if status is None else _permissions(file)
        with place.connect("policy", timeout=SECONDS) as connection:
            connection.call(f"{place.POLICY}.SetUserRules", {"toml": text})
    except (OSError, RuntimeError) as error:
        _warn(f"{FILE}: {error}")
    except UnicodeDecodeError:
        _warn(f"{FILE}:1: no UTF-8 text")
    except ClientError as error:
        # Where policy cannot be reached, what follows says so.
        if error.name != UNAVAILABLE:
            _warn(error.message)
    else:
        _tell(mark)


def _look() -> tuple[Path, os.stat_result | None]:
    """None where there is no file, or it is somebody else's: sudo keeps HOME."""
    file = FILE.expanduser()
    try:
        status = file.stat()
    except FileNotFoundError:
        return file, None
    ours = status.st_uid == os.getuid() and stat.S_ISREG(status.st_mode)
    return file, status if ours else None


def _permissions(file: Path) -> str:
    """The file's text if it says anything about permissions; with all of its lines, so that errors
    name the right one."""
    import tomllib

    with file.open("rb") as opened:
        text = opened.read(MAX_BYTES + 1).decode()

    with contextlib.suppress(tomllib.TOMLDecodeError, RecursionError):
        if "permissions" not in tomllib.loads(text):
            return ""
    return text


def _mark(status: os.stat_result | None) -> str:
    about = [] if status is None else [status.st_ino, status.st_mtime_ns, status.st_size]
    with contextlib.suppress(OSError):
        about.append(KEPT.stat().st_ino)
    return " ".join(str(each) for each in about) + "\n"


def _state() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "aios" / "own-rules"


def _told() -> str:
    try:
        return _state().read_text()
    except (OSError, RuntimeError, UnicodeDecodeError):
        return ""


def _tell(mark: str) -> None:
    """Where that cannot be kept, policy is told again every time."""
    with contextlib.suppress(OSError, RuntimeError):
        file = _state()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.with_name(f"own-rules.{os.getpid()}")
        new.write_text(mark)
        new.replace(file)


def _warn(what: str) -> None:
    print(f"aios: your own rules are not taken: {visible(what)}", file=sys.stderr)
