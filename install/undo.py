#!/usr/bin/python3
"""The way back: what an installation that fails, or is killed, has to put as it was.

Each change is in the journal, on disk, before it is made, and undoing one that was never made does
nothing: so an installation can be killed at any moment, and the next one finds the journal. What is
undone is undone from the last to the first. `Undo.finish` ends it: from then on nothing goes back.

`undo.py run ARGV…` notes a command, `file PATH` a file that is to be written or removed, `swap PATH
NEW` has one directory take another's place; `back` goes back, `finish` ends it.
"""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

DIRECTORY = "var/lib/aios-install"
OLD = ".old"


class Undo:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.directory = root / DIRECTORY
        self._journal = self.directory / "journal"

    def pending(self) -> bool:
        return self.directory.exists()

    def run(self, *argv: str) -> None:
        """A command that undoes something; it does nothing where that was not done."""
        self._write(["run", *argv])

    def created(self, *paths: Path) -> None:
        """Files, links and directories that are not there yet."""
        self._write(*(["remove", str(path)] for path in paths))

    def changed(self, path: Path, *, in_place: bool = False) -> None:
        """A file or link that is about to get another content, or to go."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        saved = self.directory / hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
        if not saved.is_symlink() and not saved.exists():
            copy(path, saved)
        self._write(["rewrite" if in_place else "restore", str(path), str(saved)])

    def swapped(self, path: Path) -> None:
        """A directory that gives way to another (swap)."""
        shutil.rmtree(_old(path), ignore_errors=True)
        self._write(["swap", str(path), "existed" if path.exists() else ""])

    def _write(self, *entries: list[str]) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._journal.open("a") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in entries)
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> list[list[str]]:
        try:
            lines = self._journal.read_text().split("\n")
        except FileNotFoundError:
            return []
        # The last line is empty, or half: what it tells of was not begun.
        return [json.loads(line) for line in lines[:-1]]

    def back(self) -> list[str]:
        """What could not be put back; then all that is needed for it is kept."""
        problems = []
        for verb, *words in reversed(self.entries()):
            try:
                _undo(verb, words)
            except (OSError, subprocess.CalledProcessError) as error:
                problems.append(f"{verb} {' '.join(words)}: {error}")
        if not problems:
            shutil.rmtree(self.directory, ignore_errors=True)
        return problems

    def finish(self) -> None:
        done = self.directory.with_name(f"{self.directory.name}.done")
        if self.pending():
            shutil.rmtree(done, ignore_errors=True)
            self.directory.replace(done)
        # Also after an end that was killed here.
        if done.exists():
            for verb, *words in Undo.at(done).entries():
                if verb == "swap":
                    shutil.rmtree(_old(Path(words[0])), ignore_errors=True)
            shutil.rmtree(done)

    @classmethod
    def at(cls, directory: Path) -> "Undo":
        undo = cls(directory)
        undo.directory = directory
        undo._journal = directory / "journal"
        return undo


def swap(path: Path, new: Path) -> None:
    """`new` takes the place of the directory `path`, after Undo.swapped."""
    if path.exists():
        path.replace(_old(path))
    new.replace(path)


def copy(source: Path, target: Path, *, in_place: bool = False) -> None:
    """A file or link with all that is known of it. `in_place`: somebody has that file bound."""
    if in_place and target.exists() and not target.is_symlink():
        target.write_bytes(source.read_bytes())
        shutil.copystat(source, target)
        sync(target)
        return
    new = part(target)
    new.unlink(missing_ok=True)
    shutil.copy2(source, new, follow_symlinks=False)
    found = source.lstat()
    os.chown(new, found.st_uid, found.st_gid, follow_symlinks=False)
    if not new.is_symlink():
        new.chmod(stat.S_IMODE(found.st_mode))
    sync(new)
    new.replace(target)


def part(path: Path) -> Path:
    """What becomes `path` when it is whole."""
    return path.with_name(f".{path.name}.aios-part")


def sync(path: Path) -> None:
    if not path.is_symlink():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _same(path: Path, other: Path) -> bool:
    if not os.path.lexists(path) or path.is_symlink() or other.is_symlink():
        return False
    one, two = path.stat(), other.stat()
    owned = (one.st_mode, one.st_uid, one.st_gid) == (two.st_mode, two.st_uid, two.st_gid)
    return owned and path.read_bytes() == other.read_bytes()


def said(main: Callable[..., int]) -> int:
    """A program's exit status; 3 when what the system refused has been said."""
    try:
        return main(*sys.argv[1:])
    except OSError as error:
        where = " -> ".join(str(name) for name in (error.filename, error.filename2) if name)
        print(f"aios: error: {error.strerror}: {where}", file=sys.stderr)
        return 3


def _old(path: Path) -> Path:
    return path.with_name(path.name + OLD)


def _undo(verb: str, words: list[str]) -> None:
    match verb:
        case "run":
            done = subprocess.run(words, check=False, capture_output=True, text=True)
            if done.returncode:
                raise OSError(done.stderr.strip() or f"status {done.returncode}")
        case "remove":
            path = Path(words[0])
            part(path).unlink(missing_ok=True)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        case "restore" | "rewrite":
            path, saved = map(Path, words)
            part(path).unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _same(path, saved):
                copy(saved, path, in_place=verb == "rewrite")
        case "swap":
            path = Path(words[0])
            if not words[1]:
                shutil.rmtree(path, ignore_errors=True)
            elif _old(path).exists():
                shutil.rmtree(path, ignore_errors=True)
                _old(path).replace(path)


def main(verb: str, *words: str) -> int:
    undo = Undo(Path("/"))
    match verb:
        case "run":
            undo.run(*words)
        case "file":
            path = Path(words[0])
            if path.is_symlink() or path.exists():
                undo.changed(path)
            else:
                undo.created(path)
        case "swap":
            path, new = map(Path, words)
            undo.swapped(path)
            swap(path, new)
        case "finish":
            undo.finish()
        case "back":
            problems = undo.back()
            for problem in problems:
                print(f"aios: could not be undone: {problem}", file=sys.stderr)
            return 1 if problems else 0
        case _:
            raise SystemExit(f"undo.py: no such verb: {verb}")
    return 0


if __name__ == "__main__":
    sys.exit(said(main))
