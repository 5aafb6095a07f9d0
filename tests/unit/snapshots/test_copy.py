"""All that there is to a file comes through, and nothing from outside."""

import hashlib
import os
import socket
import stat
import struct
from pathlib import Path

import pytest

from aios.errors import Unavailable
from aios.snapshots import copy, manifest, remove, walk

ROOT = os.geteuid() == 0


def copied(source: Path, target: Path, lines: Path) -> list[manifest.Line]:
    with manifest.Writer(lines) as written:
        copy.copy(source, target, written, lambda count: None, shared=copy.shares(target.parent))
    return list(manifest.read(lines))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "directory").mkdir(parents=True)
    (tree / "file").write_bytes(b"x" * 100_000)
    (tree / "file").chmod(0o4711)
    os.link(tree / "file", tree / "directory" / "again")
    os.utime(tree / "file", ns=(1, 987654321_123456789))
    (tree / "link").symlink_to("/etc/shadow")
    (tree / "dangling").symlink_to("no\nwhere")
    (tree / os.fsdecode(b"name \xff\n")).write_text("")
    os.mkfifo(tree / "fifo", 0o620)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket"))
    with (tree / "sparse").open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")
        file.truncate(128 << 20)
    os.setxattr(tree / "file", "user.note", b"kept")
    if ROOT:
        os.setxattr(tree / "file", "security.capability", struct.pack("<IIIII", 0x2000001, 1024, 0,
                                                                      0, 0))  # fmt: skip
        # user::rwx, user:1000:rw-, group::r-x, mask::rwx, other::---
        acl = struct.pack("<I", 2) + b"".join(
            struct.pack("<HHI", *one)
            for one in ((1, 7, 2**32 - 1), (2, 6, 1000), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1),
                        (32, 0, 2**32 - 1))
        )  # fmt: skip
        os.setxattr(tree / "directory", "system.posix_acl_access", acl)
        os.setxattr(tree / "directory", "system.posix_acl_default", acl)
        os.chown(tree / "link", 524288, 524289, follow_symlinks=False)
        os.chown(tree / "directory", 524288 + 1000, 524288)
        os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.setxattr(tree / "link", "trusted.note", b"of a link", follow_symlinks=False)
    return tree


def told(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        attributes = {name: os.getxattr(path, name, follow_symlinks=False)
                      for name in os.listxattr(path, follow_symlinks=False)}  # fmt: skip
        content: object = ""
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(root))] = (
            status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_rdev,
            status.st_nlink, attributes, content,
        )  # fmt: skip
    return found


def test_the_copy_is_the_same(tree: Path, tmp_path: Path) -> None:
    lines = copied(tree, tmp_path / "copy", tmp_path / "lines")
    assert told(tmp_path / "copy") == told(tree)
    one, other = (tmp_path / "copy" / name for name in ("file", "directory/again"))
    assert one.samefile(other)
    sparse = (tmp_path / "copy" / "sparse").stat()
    assert (sparse.st_size, sparse.st_blocks < 4096) == (128 << 20, True)
    assert len(lines) == len(told(tree))
    # Once more, from the copy: line by line the same.
    assert copied(tmp_path / "copy", tmp_path / "third", tmp_path / "more") == lines
    assert walk.size(tree).files == len(lines)
    assert list(manifest.lines(tree, contents=not copy.shares(tmp_path))) == lines
    found = {line[0]: line for line in lines}
    if not copy.shares(tmp_path):
        zeros = hashlib.sha256((tmp_path / "copy" / "sparse").read_bytes()).hexdigest()
        assert found["sparse"][8] == zeros
    assert found["file"][1:2] + found["directory/again"][1:2] in (["name", "file"],
                                                                  ["file", "name"])  # fmt: skip


def test_it_can_be_stopped(tree: Path, tmp_path: Path) -> None:
    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with manifest.Writer(tmp_path / "lines") as lines, pytest.raises(KeyboardInterrupt):
        copy.copy(tree, tmp_path / "copy", lines, stop, shared=False)
    assert not [name for name in os.scandir("/proc/self/fd")
                if str(tmp_path) in os.path.realpath(f"/proc/self/fd/{name.name}")]  # fmt: skip


def test_thousands_of_directories_in_one_another(tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    deep.mkdir()
    here = os.open(deep, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    with pytest.raises(Unavailable, match="in one another"):
        copied(deep, tmp_path / "copy", tmp_path / "lines")
    for path in (deep, tmp_path / "copy"):
        remove.remove(path)
        assert not path.exists()


@pytest.mark.skipif(not ROOT, reason="root's flag")
def test_what_is_immutable_is_copied_and_removed(tree: Path, tmp_path: Path) -> None:
    import subprocess

    if subprocess.run(["chattr", "+i", tree / "file"], check=False).returncode:
        pytest.skip("the file system has no such flag")
    try:
        copied(tree, tmp_path / "copy", tmp_path / "lines")
        said = subprocess.run(["lsattr", tmp_path / "copy" / "file"], check=True,
                              capture_output=True, text=True).stdout  # fmt: skip
        assert "i" in said.split()[0]
    finally:
        remove.remove(tmp_path / "copy")
        remove.remove(tree)
    assert not tree.exists() and not (tmp_path / "copy").exists()


def test_what_is_mounted_in_it_is_told(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"29 1 8:1 / {tmp_path}/tree/a\\040b rw - ext4 /dev/x rw\n")
    with pytest.raises(Unavailable, match="a b"):
        walk.require_unmounted(tmp_path / "tree", table)
    walk.require_unmounted(tmp_path / "tre", table)
    walk.require_unmounted(tmp_path / "tree" / "a b", table)
