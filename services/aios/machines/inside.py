"""Files in a machine's tree, as root out here may touch them: no link in there is followed, since
whoever is root in there may have laid it."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST = 1 << 20


@contextlib.contextmanager
def directory(tree: Path, inner: str) -> Iterator[int]:
    """A descriptor of it. Raises OSError, NotADirectoryError where a link is on the way."""
    descriptor = os.open(tree, _DIRECTORY)
    try:
        for name in Path(inner).parts:
            below = os.open(name, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def exists(tree: Path, inner: str) -> bool:
    """A link at its end counts, wherever it leads."""
    path = Path(inner)
    try:
        with directory(tree, str(path.parent)) as parent:
            os.stat(path.name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return False
    return True


def read(tree: Path, inner: str) -> str:
    """ "" where there is no such file."""
    path = Path(inner)
    try:
        with directory(tree, str(path.parent)) as parent:
            descriptor = os.open(
                path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                dir_fd=parent,
            )  # fmt: skip
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return ""
                return file.read(_LONGEST).decode(errors="replace")
    except OSError:
        return ""


def write(tree: Path, inner: str, text: str) -> None:
    """A new file in the place of what is there. Raises OSError."""
    path = Path(inner)
    with directory(tree, str(path.parent)) as parent:
        owner = os.fstat(parent)
        new = f".{path.name}.aios-new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, dir_fd=parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(new, flags, 0o644, dir_fd=parent)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o644)
            # A tree whose users are shifted: root in there owns it.
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(text)
        os.replace(new, path.name, src_dir_fd=parent, dst_dir_fd=parent)


def remove(tree: Path, inner: str) -> None:
    """A file or link; no error where there is none."""
    path = Path(inner)
    with (
        contextlib.suppress(FileNotFoundError, NotADirectoryError),
        directory(tree, str(path.parent)) as parent,
    ):
        os.unlink(path.name, dir_fd=parent)


def link(tree: Path, inner: str, target: str) -> None:
    """A symbolic link, with the directories on the way to it. Raises OSError."""
    path = Path(inner)
    descriptor = os.open(tree, _DIRECTORY)
    try:
        for name in path.parent.parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=descriptor)
            below = os.open(name, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        with contextlib.suppress(FileExistsError):
            os.symlink(target, path.name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
