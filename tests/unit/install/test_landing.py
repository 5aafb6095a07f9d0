"""What an installation changes, and the way back."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import landing
import manifest
import undo
from landing import Action, Change, Landing

CONFIG = "/etc/aios/config.toml"
UNIT = "/usr/lib/systemd/system/aios-x.service"
MODULE = "/usr/lib/aios/aios/x.py"
LAUNCHER = "/usr/bin/aios"
SHIPPED = {CONFIG: "one", UNIT: "unit", MODULE: "x = 1\n", LAUNCHER: "#!\n"}


class Host:
    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.root.mkdir()
        self._stages = directory / "stages"

    def stage(self, files: dict[str, str]) -> Path:
        stage = self._stages / str(len(list(self._stages.glob("*"))))
        for path, text in files.items():
            target = stage / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return stage

    def landing(self, files: dict[str, str], prefix: str = "/usr") -> Landing:
        return Landing(self.stage(files), self.root, prefix)

    def install(self, files: dict[str, str]) -> set[Change]:
        changes = self.landing(files).land()
        manifest.finish(self.root)
        return set(changes)

    def __getitem__(self, path: str) -> str:
        return (self.root / path[1:]).read_text()

    def __setitem__(self, path: str, text: str) -> None:
        (self.root / path[1:]).write_text(text)

    def tree(self) -> dict[str, tuple[int, int, str]]:
        """Each path with its inode, change of content, and content."""
        return {
            str(path.relative_to(self.root)): (
                path.lstat().st_ino,
                path.lstat().st_mtime_ns,
                landing.digest(path),
            )
            for path in sorted(self.root.rglob("*"))
        }

    def contents(self) -> dict[str, str]:
        return {path: found[2] for path, found in self.tree().items()}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    before = os.umask(0o022)
    yield Host(tmp_path)
    os.umask(before)


def test_everything_is_new_once(host: Host) -> None:
    assert host.install(SHIPPED) == {Change(Action.NEW, path) for path in SHIPPED}
    before = host.tree()
    assert host.install(SHIPPED) == set()
    assert host.tree() == before


def test_what_was_damaged_is_mended(host: Host) -> None:
    host.install(SHIPPED)
    host[UNIT] = "damaged"
    (host.root / MODULE[1:]).chmod(0o600)
    changes = host.install(SHIPPED)
    assert changes == {Change(Action.CHANGED, UNIT), Change(Action.CHANGED, MODULE)}
    assert host[UNIT] == "unit"


def test_a_config_that_nobody_edited_is_replaced(host: Host) -> None:
    host.install(SHIPPED)
    host.install({**SHIPPED, CONFIG: "two"})
    assert host[CONFIG] == "two"
    assert not (host.root / f"{CONFIG[1:]}{landing.BESIDE}").exists()


def test_an_edited_config_stays_with_the_new_default_beside_it(host: Host) -> None:
    host.install(SHIPPED)
    host[CONFIG] = "mine"
    assert host.install(SHIPPED) == set()
    assert host.install({**SHIPPED, CONFIG: "two"}) == {Change(Action.BESIDE, CONFIG)}
    assert host[CONFIG] == "mine"
    assert host[CONFIG + landing.BESIDE] == "two"
    # Said once; the next default is another matter.
    assert host.install({**SHIPPED, CONFIG: "two"}) == set()
    assert host.install({**SHIPPED, CONFIG: "three"}) == {Change(Action.BESIDE, CONFIG)}
    assert host[CONFIG + landing.BESIDE] == "three"


def test_what_is_not_shipped_any_more_goes(host: Host) -> None:
    host.install({**SHIPPED, "/usr/lib/aios/aios/old.py": "", "/etc/aios/old.toml": "a"})
    changes = host.install(SHIPPED)
    assert Change(Action.GONE, "/etc/aios/old.toml") in changes
    assert not (host.root / "usr/lib/aios/aios/old.py").exists()
    assert not (host.root / "etc/aios/old.toml").exists()


def test_what_is_not_shipped_any_more_and_was_edited_stays(host: Host) -> None:
    host.install({**SHIPPED, "/etc/aios/old.toml": "a"})
    host["/etc/aios/old.toml"] = "mine"
    assert host.install(SHIPPED) == set()
    assert host["/etc/aios/old.toml"] == "mine"


def test_a_file_that_machines_have_bound_stays_the_same_file(host: Host) -> None:
    host.install(SHIPPED)
    before = (host.root / LAUNCHER[1:]).stat().st_ino
    host.install({**SHIPPED, LAUNCHER: "#!new\n"})
    assert host[LAUNCHER] == "#!new\n"
    assert (host.root / LAUNCHER[1:]).stat().st_ino == before


def test_the_package_changes_as_a_whole(host: Host) -> None:
    host.install(SHIPPED)
    held = os.open(host.root / MODULE[1:], os.O_RDONLY)
    host.install({**SHIPPED, MODULE: "x = 2\n"})
    assert os.read(held, 100) == b"x = 1\n"
    os.close(held)
    assert host[MODULE] == "x = 2\n"
    assert not list(host.root.rglob("*.old"))


@pytest.mark.parametrize("first", [True, False])
def test_back_to_what_was(host: Host, first: bool) -> None:
    if not first:
        host.install(SHIPPED)
        host[CONFIG] = "mine"
    before = host.contents()
    host.landing({CONFIG: "two", UNIT: "new", MODULE: "x = 2\n", "/etc/aios/b.toml": ""}).land()
    assert host.contents() != before
    assert undo.Undo(host.root).back() == []
    left = host.contents()
    # It may not take away what it did not make: /var/lib.
    assert {p: c for p, c in left.items() if not p.startswith("var")} == {
        p: c for p, c in before.items() if not p.startswith("var")
    }


def _killed(count: int, stage: Path, root: Path) -> int:
    """An installation in a process that ends at its `count`th change to a file system; its status.

    Never returns in that process."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = count

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
        if event in ("os.rename", "os.remove", "os.mkdir", "shutil.rmtree") or writes:
            left -= 1
            if left < 0:
                os._exit(9)

    try:
        sys.addaudithook(watch)
        Landing(stage, root, "/usr").land()
        manifest.finish(root)
        os._exit(0)
    finally:
        os._exit(1)


def test_killed_anywhere_it_is_all_or_nothing(host: Host) -> None:
    host.install(SHIPPED)
    host[CONFIG] = "mine"
    before = host.contents()
    new = host.stage({CONFIG: "two", UNIT: "new", MODULE: "x = 2\n", LAUNCHER: "#!new\n"})
    seen = set()
    for moment in range(200):
        status = _killed(moment, new, host.root)
        assert status in (0, 9)
        back = undo.Undo(host.root)
        if back.pending():
            assert back.back() == []
        back.finish()
        if status == 0 or host[UNIT] == "new":
            break
        seen.add(moment)
        assert host.contents() == before, moment
    assert len(seen) > 20
    assert host[MODULE] == "x = 2\n"
    assert host[CONFIG + landing.BESIDE] == "two"
    assert json.loads(host["/" + manifest.PATH])["prefix"] == "/usr"


def test_commands_are_undone_last_first_and_what_fails_is_kept(tmp_path: Path) -> None:
    back = undo.Undo(tmp_path)
    log = tmp_path / "log"
    for word in ("first", "second"):
        back.run("sh", "-c", f"echo {word} >>{log}")
    back.run("sh", "-c", "echo no >&2; exit 3")
    (problem,) = back.back()
    assert problem.endswith(": no")
    assert log.read_text() == "second\nfirst\n"
    assert back.pending()
