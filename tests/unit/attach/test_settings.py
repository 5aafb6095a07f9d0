"""A machine's .nspawn file belongs to its user, but for the lines between the marks."""

import subprocess
from pathlib import Path

import pytest

from aios.attach import access, bus_files, files, look
from aios.attach.access import Access
from aios.attach.look import mounts
from aios.attach.settings import BEGIN, END, attach, block

BLOCK = block()
OWN = "[Exec]\nBoot=yes\n\n[Files]\nBind=/srv/data\n"


def test_appends_to_what_is_there() -> None:
    assert attach(OWN) == OWN + BLOCK


def test_a_file_without_a_last_newline() -> None:
    assert attach(OWN.rstrip("\n")) == OWN + BLOCK


def test_an_absent_file() -> None:
    assert attach("") == BLOCK


def test_twice_is_once() -> None:
    assert attach(attach(OWN)) == attach(OWN)


def test_refreshes_what_an_older_aios_wrote() -> None:
    older = f"{OWN}{BEGIN.split('(')[0]}\n[Files]\nBindReadOnly=/old\n{END}\n# mine\n"
    assert attach(older) == f"{OWN}# mine\n{BLOCK}"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    link = tmp_path / "aios.nspawn"
    link.symlink_to(secret)
    with pytest.raises(OSError):
        files.read(link)
    with pytest.raises(OSError):
        files.write(link, "x")
    assert secret.read_text() == "secret"


def test_a_leftover_of_an_interrupted_write(tmp_path: Path) -> None:
    path = tmp_path / "aios.nspawn"
    (tmp_path / ".aios.nspawn.new").write_text("half")
    assert files.write(path, "whole")
    assert [path] == list(tmp_path.iterdir())
    assert not files.write(path, "whole")


def test_what_is_not_utf8_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "aios.nspawn"
    theirs = b"# f\xfcr mich\r\n[Exec]\nBoot=yes\n"
    path.write_bytes(theirs)
    assert files.write(path, attach(files.read(path)))
    assert path.read_bytes() == theirs + BLOCK.encode()
    assert not files.write(path, attach(files.read(path)))


def test_a_word_is_written_through_no_link(tmp_path: Path) -> None:
    """Root writes it in a directory of aios-memory's, when a machine is copied."""
    theirs = tmp_path / "theirs"
    theirs.write_text("before")
    (tmp_path / ".web.new").symlink_to(theirs)
    access.want("web", Access.SOCKET, tmp_path)
    assert theirs.read_text() == "before" and not theirs.stat().st_mode & 0o002
    assert access.wanted("web", tmp_path) is Access.SOCKET
    assert not (tmp_path / "web").is_symlink()
    assert (tmp_path / "web").stat().st_mode & 0o777 == 0o644


def test_a_machine_that_has_just_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What machined says of it is still there: it is put under aios all the same."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(look, "leader", lambda _machine: ended.pid)
    assert (look.look("aios").leader, look.look("aios").sockets) == (0, False)


def test_bus_files_name_the_machine_as_the_bus_writes_it() -> None:
    activation = bus_files.activation("aios.dev_1")
    assert "Name=org.aios.Exec1.aios_2edev_5f1\n" in activation
    assert "SystemdService=aios-exec@aios.dev_1.service\n" in activation
    assert 'send_destination="org.aios.Exec1.aios_2edev_5f1"' in bus_files.policy("aios.dev_1")


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (Access.READ_ONLY, "BindReadOnly=/var/lib/aios/memory:"),
        (Access.READ_WRITE, "\nBind=/var/lib/aios/memory:"),
        (Access.SOCKET, ""),
        (Access.NONE, ""),
    ],
)
def test_the_database_is_bound_as_it_is_wanted(wanted: Access, line: str) -> None:
    written = attach(OWN, wanted)
    assert line in written
    assert ("/var/lib/aios/memory" in written) == bool(line)
    assert "/run/aios/machine:/run/aios\n" in written
    assert attach(written, Access.READ_ONLY) == attach(OWN)
    assert "/var/lib/aios/memory" not in attach(OWN, wanted, idmapped=False)


def test_what_is_wanted_is_one_of_few_words(tmp_path: Path) -> None:
    assert access.wanted("m", tmp_path) == Access.READ_ONLY
    for one in Access:
        access.want("m", one, tmp_path)
        assert access.wanted("m", tmp_path) == one
    for text in ("", "read-write\nBind=/", "x" * 999, "\0"):
        (tmp_path / "m").write_text(text)
        assert access.wanted("m", tmp_path) == Access.NONE
    (tmp_path / "m").unlink()
    (tmp_path / "m").symlink_to("/etc/hostname")
    assert access.wanted("m", tmp_path) == Access.NONE


def test_what_was_seen_is_read_back(tmp_path: Path) -> None:
    seen = access.Found(42, "read-only", True)
    (tmp_path / "m").write_text(seen.text())
    assert access.found("m", tmp_path) == seen
    assert access.found("other", tmp_path) == access.Found()


def test_mounts_are_read() -> None:
    text = (
        "31 1 0:27 / / rw,relatime shared:1 - ext4 /dev/x rw\n"
        "90 31 0:27 /x /root/.config/syui/ai/gpt ro,nosuid,idmapped - ext4 /dev/x rw\n"
    )
    assert mounts(text) == {"/": "read-write", "/root/.config/syui/ai/gpt": "read-only"}
