"""A machine's tree as an archive: in, out, and what is none."""

import subprocess
from pathlib import Path

import pytest

from aios.errors import InvalidOption, Unavailable
from aios.machines import archive, place
from aios.machines.about import missing
from aios.machines.archive import Compression


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As small as a tree can be; what nspawn mounts over is not empty."""
    monkeypatch.setattr(place, "MACHINES", tmp_path)
    tree = tmp_path / "tree"
    for name in ("etc", "usr/bin", "proc/1", "dev", "run/x", "srv/run"):
        (tree / name).mkdir(parents=True)
    (tree / "etc/hostname").write_text("one\n")
    (tree / "etc/link").symlink_to("/outside")
    (tree / "dev/node").touch()
    (tree / "srv/run/kept").touch()
    return tree


def files(tree: Path) -> set[str]:
    return {str(path.relative_to(tree)) for path in tree.rglob("*")}


async def packed(tree: Path, file: Path, compression: Compression = Compression.NONE) -> Path:
    with file.open("wb") as target:
        await archive.write(tree, target.fileno(), compression)
    return file


async def unpacked(file: Path, tree: Path, compression: Compression = Compression.NONE) -> Path:
    with file.open("rb") as source:
        await archive.extract(source.fileno(), tree, compression)
    return tree


def by_hand(directory: Path, *words: str) -> Path:
    file = directory / "by-hand"
    subprocess.run(["tar", "-C", directory, "-cf", file, *words], check=True)
    return file


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.GZIP])
async def test_out_and_in_again(tree: Path, tmp_path: Path, compression: Compression) -> None:
    file = await packed(tree, tmp_path / "file", compression)
    assert (file.read_bytes()[:2] == b"\x1f\x8b") is (compression is Compression.GZIP)
    again = await unpacked(file, tmp_path / "again", compression)
    assert files(tree) - files(again) == {"proc/1", "dev/node", "run/x"}
    assert files(again) <= files(tree)
    assert str((again / "etc/link").readlink()) == "/outside"


async def test_a_tree_in_a_directory_of_its_own(tree: Path, tmp_path: Path) -> None:
    file = by_hand(tmp_path, "tree")
    assert files(await unpacked(file, tmp_path / "again")) == files(tree)
    assert {path.name for path in tmp_path.iterdir()} == {"again", "by-hand", "tree"}


async def test_what_is_no_tree(tree: Path, tmp_path: Path) -> None:
    for made in ("nothing/x", "two/etc", "two/usr", "other/usr"):
        (tmp_path / made).mkdir(parents=True)
    # Its own /etc would be somebody else's.
    (tmp_path / "other/etc").symlink_to("/etc")
    for words in (["nothing"], ["two", "nothing"], ["-C", "other", "."]):
        file = by_hand(tmp_path, *words)
        with pytest.raises(InvalidOption, match="no archive of an OS tree"):
            await unpacked(file, tmp_path / f"as-{words[0]}{len(words)}")


async def test_what_is_damaged(tree: Path, tmp_path: Path) -> None:
    file = await packed(tree, tmp_path / "file", Compression.GZIP)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(Unavailable, match="unpacking: "):
        await unpacked(file, tmp_path / "again", Compression.GZIP)


def test_a_compressor_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert Compression.NONE.option() == []
    with pytest.raises(Unavailable, match="no zstd"):
        Compression.ZSTD.option()


def test_what_a_tree_lacks(tree: Path) -> None:
    lacks = {"python3", "bash", "systemd", "user ai"}
    assert {one["what"] for one in missing(tree)} == lacks
    # A link may lead to what is there only from within.
    (tree / "usr/bin/python3").symlink_to("/opt/python3")
    (tree / "etc/passwd").write_text("root:x:0:0::/:\nai:x:1001:1001::/home/ai:/bin/bash\n")
    assert {one["what"] for one in missing(tree)} == lacks - {"python3"}
    (tree / "etc/passwd").write_text("ai:x:1000:1000::/home/ai:/bin/bash\n")
    assert "user ai" not in {one["what"] for one in missing(tree)}
