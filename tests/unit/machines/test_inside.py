"""Files in a tree whose root is somebody else: no link that they have laid is followed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aios.machines import inside


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """`etc` is a directory, `out` a link to one outside; below both `file`, and `link` to it."""
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    for directory in (outside, tree / "etc"):
        directory.mkdir(parents=True)
        (directory / "file").write_text(f"of {directory.name}")
        (directory / "link").symlink_to(outside / "file")
    (tree / "out").symlink_to(outside)
    yield tree
    assert names(outside) == ["file", "link"]
    assert (outside / "file").read_text() == "of outside"


def test_what_is_there(tree: Path) -> None:
    assert inside.read(tree, "etc/file") == "of etc"
    assert inside.exists(tree, "etc/file")
    inside.write(tree, "etc/file", "new")
    inside.write(tree, "etc/other", "too")
    assert [inside.read(tree, f"etc/{name}") for name in ("file", "other")] == ["new", "too"]
    assert names(tree / "etc") == ["file", "link", "other"]
    assert (tree / "etc/other").stat().st_mode & 0o777 == 0o644
    inside.remove(tree, "etc/file")
    inside.remove(tree, "etc/file")
    assert not inside.exists(tree, "etc/file")
    assert inside.read(tree, "etc/file") == inside.read(tree, "nowhere/file") == ""


def test_a_link_at_the_end(tree: Path) -> None:
    assert inside.read(tree, "etc/link") == ""
    assert inside.exists(tree, "etc/link")
    inside.write(tree, "etc/link", "mine")
    assert not (tree / "etc/link").is_symlink()
    assert inside.read(tree, "etc/link") == "mine"
    inside.remove(tree, "out")
    assert not (tree / "out").is_symlink()


def test_a_link_on_the_way(tree: Path) -> None:
    assert inside.read(tree, "out/file") == ""
    assert not inside.exists(tree, "out/file")
    with pytest.raises(NotADirectoryError):
        inside.write(tree, "out/file", "mine")
    inside.remove(tree, "out/file")
    with pytest.raises(NotADirectoryError):
        inside.link(tree, "out/new/link", "/x")


def test_where_it_would_be_made_in_the_meantime(tree: Path) -> None:
    """The name under which the new file is written is known."""
    (tree / "etc/.file.aios-new").symlink_to(tree.parent / "outside/file")
    inside.write(tree, "etc/file", "mine")
    assert inside.read(tree, "etc/file") == "mine"
    assert names(tree / "etc") == ["file", "link"]


def test_what_is_no_file_is_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "etc/fifo")
    assert inside.read(tree, "etc/fifo") == inside.read(tree, "etc") == ""
    (tree / "etc/large").write_bytes(b"x" * (2 << 20))
    assert len(inside.read(tree, "etc/large")) == 1 << 20


def test_a_link_is_laid_with_its_directories(tree: Path) -> None:
    for _ in range(2):
        inside.link(tree, "etc/a/b/link", "/usr/x")
    assert str((tree / "etc/a/b/link").readlink()) == "/usr/x"
    inside.link(tree, "etc/file", "/usr/x")
    assert inside.read(tree, "etc/file") == "of etc"
