"""Archives of machines, where a person has them."""

import os
import stat
import threading
from pathlib import Path

import pytest

from aios.client.commands import machine_files, machine_make
from aios.client.varlink import ClientError


def test_a_file_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    path = tmp_path / "dev.tar"
    with machine_files._whole(path) as target:
        os.write(target, b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    with pytest.raises(KeyError), machine_files._whole(path):
        raise KeyError
    assert path.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    for path in (tmp_path, Path(), Path("/")):
        with pytest.raises(ClientError, match="is a directory"), machine_files._whole(path):
            raise AssertionError
    assert not list(tmp_path.iterdir())


def test_a_pipe_or_a_device_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with machine_files._whole(pipe) as target:
        os.write(target, b"all of it")
    reader.join(10)
    assert found == [b"all of it"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_links(tmp_path: Path) -> None:
    """One that is the file's name stays; one that somebody laid beside it is not followed."""
    for name in ("real.tar", "theirs"):
        (tmp_path / name).write_text("before")
    (tmp_path / "link.tar").symlink_to("real.tar")
    (tmp_path / ".real.tar.part").symlink_to("theirs")
    with machine_files._whole(tmp_path / "link.tar") as target:
        os.write(target, b"after")
    assert (tmp_path / "link.tar").readlink() == Path("real.tar")
    assert (tmp_path / "real.tar").read_text() == "after"
    assert (tmp_path / "theirs").read_text() == "before"


def test_what_create_is_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dev", "dev.tar"):
        (tmp_path / name).touch()
    told = {name: machine_make._is_file(name) for name in ("dev", "dev.tar", "./dev", "web.two")}
    assert told == {"dev": False, "dev.tar": True, "./dev": True, "web.two": False}
