"""A machine's tree as a tar archive: what machinectl's import-tar and export-tar deal with as
well."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from aios.errors import InvalidOption, Unavailable
from aios.machines import place, process

# nspawn gives these their content.
_EMPTY = ("dev", "proc", "run", "sys")
# Labels of another host's, and users and groups in access lists, would mean something else here.
_ATTRIBUTES = ("--xattrs", "--xattrs-include=security.capability", "--xattrs-include=user.*")
_RANGE = 0xFFFF


class Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    XZ = "xz"
    ZSTD = "zstd"

    def option(self) -> list[str]:
        """tar's. Raises Unavailable where the program is missing."""
        if self is Compression.NONE:
            return []
        if shutil.which(self) is None:
            raise Unavailable(f"there is no {self} on this host", hint=f"install {self}")
        return [f"--use-compress-program={self}" + (" -T0" if self is Compression.ZSTD else "")]


async def extract(source: int, tree: Path, compression: Compression) -> None:
    """The archive that comes through the descriptor, as a tree; `source` is left open. Raises
    Unavailable for what is damaged, InvalidOption for what is no OS tree."""
    os.mkdir(tree, 0o755)  # noqa: PTH102 - nothing waits for that
    argv = ["tar", "-C", str(tree), "--numeric-owner", "-p", *_ATTRIBUTES]
    argv += [*compression.option(), "-xf", "-"]
    async with process.running(argv, stdin=source) as running:
        await process.ended(running, "unpacking")
    _mangle(tree)


def _mangle(tree: Path) -> None:
    """Some archives have the tree in a directory of its own, as importd knows them, too."""
    if _is_system(tree):
        return
    inner = [path for path in tree.iterdir() if path.is_dir() and not path.is_symlink()]
    if len(inner) != 1 or not _is_system(inner[0]):
        raise InvalidOption("that is no archive of an OS tree", hint="there is no /etc and /usr")
    beside = place.new()
    inner[0].rename(beside)
    shutil.rmtree(tree)
    beside.rename(tree)


def _is_system(tree: Path) -> bool:
    return all((tree / name).is_dir() and not (tree / name).is_symlink() for name in ("etc", "usr"))


async def write(tree: Path, target: int, compression: Compression) -> None:
    """Its users as the machine itself sees them, whatever range it has on this host. Raises
    Unavailable."""
    exclude = [f"--exclude=./{name}/*" for name in _EMPTY]
    with _owners(tree) as owners:
        argv = ["tar", "-C", str(tree), "--numeric-owner", "--anchored", *_ATTRIBUTES]
        argv += [*exclude, *owners, *compression.option()]
        argv += ["--warning=no-file-ignored", "-cf", "-", "."]
        async with process.running(argv, stdout=target) as running:
            await process.ended(running, "packing")


@contextmanager
def _owners(tree: Path) -> Iterator[list[str]]:
    """tar's options for ids that are shifted."""
    root = tree.stat()
    users, groups = _shifted(tree, root.st_uid & ~_RANGE, root.st_gid & ~_RANGE)
    with tempfile.TemporaryDirectory() as directory:
        options = []
        for option, ids in (("--owner-map", users), ("--group-map", groups)):
            if ids:
                path = Path(directory, option.strip("-"))
                path.write_text("".join(f"+{one} :{one & _RANGE}\n" for one in sorted(ids)))
                options.append(f"{option}={path}")
        yield options


def _shifted(tree: Path, user_base: int, group_base: int) -> tuple[set[int], set[int]]:
    users: set[int] = set()
    groups: set[int] = set()
    if not user_base and not group_base:
        return users, groups
    todo = [tree]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                about = entry.stat(follow_symlinks=False)
                users.add(about.st_uid)
                groups.add(about.st_gid)
                if stat.S_ISDIR(about.st_mode):
                    todo.append(Path(entry.path))
    users.add(user_base)
    groups.add(group_base)
    return (
        {one for one in users if one & ~_RANGE == user_base},
        {one for one in groups if one & ~_RANGE == group_base},
    )
