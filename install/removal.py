#!/usr/bin/python3
"""`removal.py plan|remove ROOT [--purge]`: takes away the files that the manifest names, and what
aios-attach@ keeps for each machine. Each path that goes is a line on stdout, and so is, after
`keep `, each that stays. An uninstallation that was killed is run again: the manifest goes last.
"""

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import manifest
import undo
from landing import BESIDE, digest

sys.path.append(str(Path(__file__).parents[1] / "services"))
from aios.attach import files, settings
from aios.machines import inside

NSPAWN = "etc/systemd/nspawn"
# Written by aios-attach@, one for each machine.
BUS_FILES = (
    "etc/dbus-1/system.d/org.aios.Exec1.*.conf",
    "usr/local/share/dbus-1/system-services/org.aios.Exec1.*.service",
)
MACHINES = "var/lib/machines"
# What nspawn made in a machine's tree to bind aios's files over. It is empty.
MOUNT_POINTS = ("usr/local/bin/aios", "usr/local/bin/aigpt", "etc/profile.d/aios.sh")


class Removal:
    def __init__(self, root: Path, *, purge: bool) -> None:
        self._root = root
        self._purge = purge
        self._installed = manifest.read(root)

    def files(self) -> Iterator[Path]:
        """What goes: files, links, and directories that are all aios's."""
        library = self._at(f"{self._installed.prefix}/lib/aios")
        if self._installed.prefix and library.exists():
            yield library
        for path in map(self._at, self._installed.files):
            if library not in path.parents and _there(path):
                yield path
        for name, default in self._installed.configs.items():
            path = self._at(name)
            if path.is_dir() and not path.is_symlink():
                continue
            if _there(path) and (self._purge or digest(path) == default):
                yield path
            if _there(beside := path.with_name(path.name + BESIDE)):
                yield beside
        for pattern in BUS_FILES:
            yield from self._root.glob(pattern)

    def kept(self) -> Iterator[Path]:
        if self._purge:
            return
        for name, default in self._installed.configs.items():
            path = self._at(name)
            if path.is_dir():
                yield from path.iterdir()
            elif _there(path) and digest(path) != default:
                yield path

    def detached(self) -> Iterator[tuple[Path, str]]:
        """.nspawn files with aios's lines, and their text without."""
        for path in sorted((self._root / NSPAWN).glob("*.nspawn")):
            if path.is_symlink() or not path.is_file():
                continue
            text = files.read(path)
            own = settings.own(text)
            if own != text:
                yield path, own

    def _unmount(self, tree: Path) -> None:
        """Also in a machine that runs: what is mounted there on what goes here, goes too."""
        library = f"{self._installed.prefix}/lib/aios"[1:]
        for path in map(Path, (*MOUNT_POINTS, f"{library}/client", library)):
            with (
                contextlib.suppress(OSError),
                inside.directory(tree, str(path.parent)) as parent,
            ):
                found = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    os.rmdir(path.name, dir_fd=parent)
                elif stat.S_ISREG(found.st_mode) and not found.st_size:
                    os.unlink(path.name, dir_fd=parent)

    def _at(self, path: str) -> Path:
        return self._root / path[1:]

    def _directories(self) -> Iterator[Path]:
        """Those that aios made, the innermost first; in /run a machine may have one bound."""
        made = {self._at(name) for name in self._installed.noted.get("directory", [])}
        made |= {self._at(n) for n, d in self._installed.configs.items() if d == "directory"}
        yield from sorted((path for path in made if self._root / "run" not in path.parents),
                          reverse=True)  # fmt: skip

    def plan(self) -> None:
        for path in self.files():
            print(path)
        for path, own in self.detached():
            print(path if not own.strip() else f"aios's lines in {path}")
        for path in self.kept():
            print(f"keep {path}")

    def remove(self) -> None:
        for path in self.kept():
            print(f"keep {path}")
        for path in list(self.files()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            print(path)
        for path, own in list(self.detached()):
            if own.strip():
                new = path.with_name(f".{path.name}.new")
                new.write_text(own, errors="surrogateescape")
                shutil.copystat(path, new)
                new.replace(path)
            else:
                # There were no other lines: aios-attach@ had made it.
                path.unlink()
            print(path)
        for tree in (self._root / MACHINES).glob("*"):
            self._unmount(tree)
        if self._purge:
            for name in self._installed.configs:
                if (path := self._at(name)).is_dir():
                    shutil.rmtree(path)
        for directory in self._directories():
            # What somebody has put there since is theirs.
            with contextlib.suppress(OSError):
                directory.rmdir()


def _there(path: Path) -> bool:
    return os.path.lexists(path)


def main(verb: str, root: str, *options: str) -> int:
    removal = Removal(Path(root), purge="--purge" in options)
    if verb == "plan":
        removal.plan()
    else:
        removal.remove()
    return 0


if __name__ == "__main__":
    sys.exit(undo.said(main))
