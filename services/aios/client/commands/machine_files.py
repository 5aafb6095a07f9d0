"""aios machine export, import; and create from an archive."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aios.client import place, steps
from aios.client.commands import machine_make
from aios.client.streams import CHUNK, widen, write_all
from aios.client.terminal import Terminal
from aios.client.varlink import ERROR_PREFIX, ClientError, Connection

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz"}
_SUFFIXES = {".gz": "gzip", ".tgz": "gzip", ".zst": "zstd", ".xz": "xz", ".tar": "none"}


def add(actions: Any) -> None:
    export = actions.add_parser(
        "export",
        help="as a tar archive",
        description="Writes a machine that does not run as a tar archive, which `aios machine"
        " import` and `machinectl import-tar` take.",
    )
    export.add_argument("name", metavar="NAME")
    export.add_argument(
        "--output", metavar="FILE", help="there, when all of it is written (standard output)"
    )
    export.add_argument(
        "--compression", choices=("none", "gzip", "xz", "zstd"), help="(by FILE's suffix; none)"
    )
    export.set_defaults(run=_export)
    take = actions.add_parser(
        "import",
        help="from a tar archive",
        description="Makes a machine of a tar archive of an OS tree, compressed or not.",
    )
    take.add_argument("file", metavar="FILE", help="- is standard input")
    take.add_argument("name", metavar="NAME")
    machine_make.settings(take)
    take.set_defaults(run=_import)


def _export(given: Any) -> int:
    if given.output is None:
        if sys.stdout.isatty():
            raise ClientError(
                ERROR_PREFIX + "InvalidOption", "an archive is nothing for a terminal",
                "--output FILE, or >FILE",
            )  # fmt: skip
        _fetch(given.name, given.compression or "none", 1, Terminal(aside=sys.stderr))
        return 0
    path = Path(given.output)
    compression = given.compression or _SUFFIXES.get(path.suffix, "none")
    with _whole(path) as target:
        _fetch(given.name, compression, target, Terminal())
    return 0


@contextmanager
def _whole(path: Path) -> Iterator[int]:
    """Where it is written; it is `path` only when all of it is there. A pipe or a device is written
    to as it is."""
    if path.is_dir():
        raise ClientError(ERROR_PREFIX + "InvalidOption", f"{path} is a directory", "--output FILE")
    if path.exists() and not path.is_file():
        target = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield target
        finally:
            os.close(target)
        return
    # A link stays one; of what lies there under the other name, nothing is written through.
    path = path.resolve()
    new = path.with_name(f".{path.name}.part")
    new.unlink(missing_ok=True)
    target = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield target
        os.fsync(target)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(target)


def _fetch(name: str, compression: str, target: int, terminal: Terminal) -> None:
    parameters = {"name": name, "options": {"compression": compression}}
    with steps.connection() as connection:
        transfer, archive = _begin(connection, "Export", parameters)
        try:
            _move(archive, target, terminal)
        finally:
            os.close(archive)
        steps.call("Finish", {"transfer": transfer}, terminal, on=connection)


def _import(given: Any) -> int:
    return take(given, given.file, fresh=False)


def take(given: Any, file: str, *, fresh: bool) -> int:
    """As `create` and `import` do."""
    source = 0 if file == "-" else os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    terminal = Terminal()
    begin = os.read(source, CHUNK)
    options = {"compression": _compression(begin), "fresh": fresh, **machine_make.chosen(given)}
    with steps.connection() as connection:
        parameters = {"name": given.name, "options": options}
        transfer, archive = _begin(connection, "Import", parameters)
        try:
            write_all(archive, begin)
            _move(source, archive, terminal, done=len(begin))
        except BrokenPipeError:
            pass  # What it could not take it says itself.
        finally:
            os.close(archive)
        made = steps.call("Finish", {"transfer": transfer}, terminal, on=connection)["machine"]
    return machine_make.told(given, made, terminal)


def _compression(begin: bytes) -> str:
    return next((name for magic, name in _MAGIC.items() if begin.startswith(magic)), "none")


def _begin(connection: Connection, method: str, parameters: dict[str, Any]) -> tuple[str, int]:
    reply = connection.ask(f"{place.MACHINE}.{method}", parameters)
    return str(reply.parameters["transfer"]), reply.descriptors[reply.parameters["archive"]]


def _move(source: int, target: int, terminal: Terminal, done: int = 0) -> None:
    for descriptor in (source, target):
        widen(descriptor)
    shown = done
    while data := os.read(source, CHUNK):
        write_all(target, data)
        done += len(data)
        if done - shown > 8 * CHUNK:
            shown = done
            terminal.passing(f"{done / 1e6:.0f} MB…")
    terminal.fresh_line()
