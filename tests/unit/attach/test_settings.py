"""A machine's .nspawn file belongs to its user, but for the lines between the marks."""

from pathlib import Path

import pytest

from aios.attach import bus_files, files
from aios.attach.settings import BEGIN, BLOCK, END, attach

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


def test_bus_files_name_the_machine_as_the_bus_writes_it() -> None:
    activation = bus_files.activation("aios.dev_1")
    assert "Name=org.aios.Exec1.aios_2edev_5f1\n" in activation
    assert "SystemdService=aios-exec@aios.dev_1.service\n" in activation
    assert 'send_destination="org.aios.Exec1.aios_2edev_5f1"' in bus_files.policy("aios.dev_1")
