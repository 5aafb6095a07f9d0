"""Names of machines, what is nobody's machine yet, and the configuration that names one."""

from pathlib import Path

import pytest

from aios.errors import Busy, InvalidOption, NoSuchMachine
from aios.machines import place
from aios.machines.mentions import mentions
from aios.machines.names import Names


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(place, "MACHINES", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [".host", "", "../x", "a/b", ".aios-new-x", "-x", "a b", "a" * 65])
def test_what_is_no_name(machines: Path, name: str) -> None:
    with pytest.raises(InvalidOption):
        place.named(name)
    with pytest.raises(NoSuchMachine):
        place.startable(name)


def test_directories_and_images(machines: Path) -> None:
    (machines / "one").mkdir()
    (machines / "two.raw").touch()
    assert place.existing("one").tree == machines / "one"
    assert place.startable("two").image == machines / "two.raw"
    with pytest.raises(NoSuchMachine, match="disk image"):
        place.existing("two")
    with pytest.raises(NoSuchMachine):
        place.startable("three")


def test_what_a_killed_service_has_left(machines: Path) -> None:
    made, gone = place.new(), place.gone()
    for path in (made, gone, machines / ".aios-new-mine", machines / "one", machines / ".raw"):
        path.mkdir()
    assert set(place.leftovers()) == {made, gone}


def test_one_thing_at_a_time(machines: Path) -> None:
    names = Names()
    with names.taken("one", "two"):
        for taken in (["one"], ["three", "two"]):
            with pytest.raises(Busy), names.taken(*taken):
                raise AssertionError
        with names.taken("three"):
            pass
        with pytest.raises(Busy), names.taken("one"):
            raise AssertionError
    with names.taken("one"), names.taken("two"):
        pass


def test_where_the_configuration_names_one(tmp_path: Path) -> None:
    (tmp_path / "config.d").mkdir()
    (tmp_path / "config.toml").write_text(
        '# web\n[machine.web]\ntimeout = 1  # of web\nx = "web1"\n'
    )
    (tmp_path / "config.d/10.toml").write_text(
        'machines = ["dev", "web"]\ny = "web.x web-1 a_web"\n'
    )
    assert mentions("web", tmp_path) == [
        f"{tmp_path}/config.toml:2", f"{tmp_path}/config.d/10.toml:1",
    ]  # fmt: skip
    assert mentions("we", tmp_path) == []
