#!/usr/bin/python3
"""`landing.py plan|land STAGE ROOT PREFIX`: what an installation has to change so that ROOT has the
files of STAGE, one line each on stdout; and the change itself.

The package is one directory that changes as a whole. Of what lies in /etc a file that was edited
stays, and a new default comes to lie beside it. What the last installation put there and this one
does not have goes.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import manifest
import undo
from manifest import Manifest

BESIDE = ".aios-new"


class Action(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    BESIDE = "beside"
    GONE = "gone"


@dataclass(frozen=True)
class Change:
    action: Action
    path: str
    """As it is below ROOT, absolute."""

    def __str__(self) -> str:
        match self.action:
            case Action.BESIDE:
                return f"{self.path} was edited and stays; the new default is {self.path}{BESIDE}"
            case Action.GONE:
                return f"{self.path} goes"
            case Action.NEW:
                return f"{self.path} is new"
        return f"{self.path} changes"


class Landing:
    def __init__(self, stage: Path, root: Path, prefix: str) -> None:
        self._stage = stage
        self._root = root
        self._library = f"{prefix}/lib/aios"
        self._package = f"{self._library}/aios"
        self._old = manifest.read(root)
        self._contents = {path: digest(stage / path[1:]) for path in _files(stage)}
        configs = {p: d for p, d in self._contents.items() if p.startswith("/etc/")}
        self.manifest = Manifest(
            prefix=prefix,
            files={p: d for p, d in self._contents.items() if p not in configs},
            configs=configs,
            noted=self._old.noted,
        )

    def _at(self, path: str) -> Path:
        return self._root / path[1:]

    def changes(self) -> list[Change]:
        found = [
            change
            for path, content in sorted(self._contents.items())
            if (change := self._change(path, content)) is not None
        ]
        gone = {**self._old.files, **self._old.configs}.keys() - self._contents.keys()
        for path in sorted(gone):
            there = digest(self._at(path))
            # A config that was edited is its editor's.
            if there and there == self._old.configs.get(path, there):
                found.append(Change(Action.GONE, path))
        return found

    def _change(self, path: str, content: str) -> Change | None:
        there = digest(self._at(path))
        if not there:
            return Change(Action.NEW, path)
        if path in self.manifest.configs:
            default = self._old.configs.get(path)
            if there in (content, default):
                return None if there == content else Change(Action.CHANGED, path)
            return None if content == default else Change(Action.BESIDE, path)
        if there == content and _status(self._at(path)) == _status(self._stage / path[1:]):
            return None
        return Change(Action.CHANGED, path)

    def land(self) -> list[Change]:
        changes = self.changes()
        back = undo.Undo(self._root)
        mine = self.manifest
        directories = [str(path) for path in self._missing_directories(changes)]
        if directories:
            mine = mine.with_note("directory", *(d for d in directories if not self._own(d)))
            # Of one that is removed, what is in it is aios's too.
            back.created(*(self._at(path) for path in directories))
        manifest.draft(self._root, mine)
        package = [change for change in changes if _below(change.path, self._package)]
        single = [change for change in changes if change not in package]
        self._note(back, single)
        for change in single:
            self._apply(change)
        if package:
            self._swap(back)
        return changes

    def _missing_directories(self, changes: list[Change]) -> list[Path]:
        """Outermost first."""
        wanted = {
            parent
            for change in changes
            if change.action is not Action.GONE
            for parent in Path(change.path).parents
        }
        return sorted(path for path in wanted if not self._at(str(path)).is_dir())

    def _note(self, back: undo.Undo, changes: list[Change]) -> None:
        targets = {self._target(change): self._bound(change.path) for change in changes}
        new = [path for path in targets if not path.is_symlink() and not path.exists()]
        if new:
            back.created(*new)
        for path in targets.keys() - new:
            back.changed(path, in_place=targets[path])

    def _target(self, change: Change) -> Path:
        path = self._at(change.path)
        return path.with_name(path.name + BESIDE) if change.action is Action.BESIDE else path

    def _apply(self, change: Change) -> None:
        path = self._target(change)
        if change.action is Action.GONE:
            path.unlink()
            shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
            return
        staged = self._stage / change.path[1:]
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if staged.is_dir() and not staged.is_symlink():
            path.mkdir(mode=0o755)
        else:
            _put(staged, path, in_place=self._bound(change.path))

    def _swap(self, back: undo.Undo) -> None:
        target = self._at(self._package)
        new = target.with_name(target.name + ".new")
        back.created(new)
        shutil.rmtree(new, ignore_errors=True)
        staged = self._stage / self._package[1:]
        if self._root == Path("/"):
            compile_package(staged, self._stage)
        _put_tree(staged, new)
        back.swapped(target)
        undo.swap(target, new)

    def _own(self, directory: str) -> bool:
        """Nobody else has anything in there."""
        return _below(directory, self._library)

    def _bound(self, path: str) -> bool:
        """Whether machines that run have this very file bound."""
        client = f"{self._library}/client/profile.sh"
        return path == client or Path(path).parent == Path(self.manifest.prefix) / "bin"


def compile_package(package: Path, stage: Path) -> None:
    subprocess.run(
        ["/usr/bin/python3", "-m", "compileall", "-q", "-j", "0", "-s", stage, package], check=True
    )


def _put(staged: Path, target: Path, *, in_place: bool = False) -> None:
    """A file or link. Not by shutil.copy2: SELinux's label of the stage would come with it."""
    if in_place and target.exists():
        target.write_bytes(staged.read_bytes())
        _like(staged, target)
        return
    new = undo.part(target)
    new.unlink(missing_ok=True)
    shutil.copyfile(staged, new, follow_symlinks=False)
    if not new.is_symlink():
        _like(staged, new)
    new.replace(target)


def _like(staged: Path, path: Path) -> None:
    """Bytecode is good for a module of that time."""
    found = staged.stat()
    os.chown(path, found.st_uid, found.st_gid)
    path.chmod(stat.S_IMODE(found.st_mode))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    undo.sync(path)


def _put_tree(staged: Path, new: Path) -> None:
    new.mkdir(mode=0o755, parents=True)
    for path in sorted(staged.rglob("*")):
        target = new / path.relative_to(staged)
        if path.is_dir() and not path.is_symlink():
            target.mkdir(mode=0o755)
        else:
            _put(path, target)


def digest(path: Path) -> str:
    """SHA-256 of a file, a link's target; "" for what is not there."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except IsADirectoryError:
        return "directory"


def _files(stage: Path) -> Iterator[str]:
    """Files, links, and directories with nothing in them."""
    for directory, subdirectories, names in os.walk(stage):
        if "__pycache__" in subdirectories:
            subdirectories.remove("__pycache__")
        here = Path(directory)
        links = {name for name in subdirectories if (here / name).is_symlink()}
        empty = {name for name in subdirectories if not any((here / name).iterdir())}
        for name in (*names, *(links | empty)):
            yield f"/{(here / name).relative_to(stage)}"


def _status(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    mode = 0 if path.is_symlink() else stat.S_IMODE(found.st_mode)
    return mode, found.st_uid, found.st_gid


def _below(path: str, directory: str) -> bool:
    return path.startswith(f"{directory}/")


def main(verb: str, stage: str, root: str, prefix: str) -> int:
    landing = Landing(Path(stage), Path(root), prefix)
    for change in landing.changes() if verb == "plan" else landing.land():
        print(change)
    return 0


if __name__ == "__main__":
    sys.exit(undo.said(main))
