"""Files as they were, saved and put back."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from aios.revert import saved
from aios.revert.saved import Restored, TooMuch, Unsafe, restore, save

NOTHING = Restored([], [])


def tree(root: Path) -> dict[str, tuple[str, int, int, int, str]]:
    """path → (kind, mode, owner, group, content)"""
    found = {}
    for path in sorted(root.rglob("*")):
        entry = saved.look(path)
        content = path.read_text() if entry.kind == "file" else entry.target
        place = str(path.relative_to(root))
        found[place] = (entry.kind, entry.mode, entry.uid, entry.gid, content)
    return found


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    etc = tmp_path / "etc"
    (etc / "ssh/conf.d").mkdir(parents=True)
    (etc / "ssh/sshd_config").write_text("Port 22\n")
    (etc / "ssh/sshd_config").chmod(0o640)
    (etc / "ssh/conf.d/a").write_text("a")
    (etc / "ssh/link").symlink_to("sshd_config")
    (etc / "ssh/conf.d").chmod(0o750)
    (etc / "hosts").write_text("localhost\n")
    (etc / "other").write_text("not guarded")
    if os.geteuid() == 0:
        (etc / "ssh/keys").mkdir()
        for name in ("sshd_config", "conf.d/a", "keys", "link"):
            os.chown(etc / "ssh" / name, 0, 1000, follow_symlinks=False)
    return etc


def test_everything_is_as_it_was(etc: Path, tmp_path: Path) -> None:
    before = tree(etc)
    paths = [etc / "ssh", etc / "hosts", etc / "nowhere", etc / "missing/inner"]
    save(paths, tmp_path / "saved")
    # Changed, removed, made, turned into something else, opened to others.
    (etc / "ssh/sshd_config").write_text("Port 2222\n")
    (etc / "ssh/conf.d/a").unlink()
    (etc / "ssh/conf.d/b").write_text("b")
    (etc / "ssh/conf.d/new/deep").mkdir(parents=True)
    (etc / "ssh/conf.d").chmod(0o777)
    (etc / "ssh/link").unlink()
    (etc / "ssh/link").write_text("no link")
    (etc / "hosts").unlink()
    (etc / "hosts").mkdir()
    (etc / "nowhere").write_text("made")
    assert set(restore(tmp_path / "saved").changed) == {
        str(etc / each)
        for each in ("ssh/sshd_config", "ssh/conf.d", "ssh/conf.d/a", "ssh/conf.d/b",
                     "ssh/conf.d/new", "ssh/link", "hosts", "nowhere")
    }  # fmt: skip
    assert tree(etc) == before
    assert restore(tmp_path / "saved") == NOTHING


def test_a_whole_directory_comes_back(etc: Path, tmp_path: Path) -> None:
    before = tree(etc)
    save([etc / "ssh"], tmp_path / "saved")
    saved._remove(etc / "ssh")
    (etc / "ssh").symlink_to("/nowhere")
    restore(tmp_path / "saved")
    assert tree(etc) == before


def test_what_is_as_it_was_is_not_touched(etc: Path, tmp_path: Path) -> None:
    save([etc / "ssh"], tmp_path / "saved")
    inode = (etc / "ssh/sshd_config").stat().st_ino
    assert restore(tmp_path / "saved") == NOTHING
    assert (etc / "ssh/sshd_config").stat().st_ino == inode


def test_nothing_follows_a_link_out(etc: Path, tmp_path: Path) -> None:
    (etc / "ssh/out").symlink_to(tmp_path)
    save([etc / "ssh"], tmp_path / "saved")
    assert restore(tmp_path / "saved") == NOTHING


def test_a_pipe_is_left_alone(etc: Path, tmp_path: Path) -> None:
    os.mkfifo(etc / "ssh/pipe")
    save([etc / "ssh"], tmp_path / "saved")
    assert restore(tmp_path / "saved") == NOTHING
    assert stat.S_ISFIFO((etc / "ssh/pipe").stat().st_mode)


def test_the_way_to_it_is_gone(etc: Path, tmp_path: Path) -> None:
    before = tree(etc)
    save([etc / "ssh/conf.d/a", etc / "hosts"], tmp_path / "saved")
    shutil.rmtree(etc / "ssh/conf.d")
    (etc / "hosts").unlink()
    assert restore(tmp_path / "saved").left == []
    (etc / "ssh/conf.d").chmod(0o750)
    assert tree(etc) == before


def test_one_that_cannot_be_put_back_keeps_no_other(etc: Path, tmp_path: Path) -> None:
    before = tree(etc)
    save([etc / "ssh/conf.d/a", etc / "hosts"], tmp_path / "saved")
    (etc / "hosts").write_text("changed")
    shutil.rmtree(etc / "ssh/conf.d")
    (etc / "ssh/conf.d").write_text("in the way")
    found = restore(tmp_path / "saved")
    assert found.changed == [str(etc / "hosts")]
    assert found.left == [f"{etc}/ssh/conf.d/a: Not a directory"]
    (etc / "ssh/conf.d").unlink()
    assert restore(tmp_path / "saved") == Restored([str(etc / "ssh/conf.d/a")], [])
    (etc / "ssh/conf.d").chmod(0o750)
    assert tree(etc) == before


def test_a_large_file_is_not_read(etc: Path, tmp_path: Path) -> None:
    with (etc / "hosts").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooMuch):
        save([etc / "hosts"], tmp_path / "saved")


def test_a_bound(etc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MAX_ENTRIES", 2)
    with pytest.raises(TooMuch):
        save([etc / "ssh"], tmp_path / "saved")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_what_others_can_rename_is_not_saved(etc: Path, tmp_path: Path) -> None:
    """They could lay a link to /etc/shadow in its place, and get a copy of it."""
    for change in (
        lambda: os.chown(etc / "ssh", 1000, 0),
        lambda: (etc / "ssh").chmod(0o757),
        lambda: (os.chown(etc / "ssh", 0, 1000), (etc / "ssh").chmod(0o775)),
    ):
        change()
        for path in (etc / "ssh", etc / "ssh/sshd_config", etc / "ssh/nowhere"):
            with pytest.raises(Unsafe, match="is not root's alone to write"):
                save([path], tmp_path / "refused")
            shutil.rmtree(tmp_path / "refused")
        os.chown(etc / "ssh", 0, 0)
        (etc / "ssh").chmod(0o755)
    (tmp_path / "link").symlink_to(etc)
    save([tmp_path / "link/hosts"], tmp_path / "saved")
    os.chown(etc, 1000, 0)
    with pytest.raises(Unsafe):
        save([tmp_path / "link/hosts"], tmp_path / "refused")
