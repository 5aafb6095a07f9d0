"""What a machine says of itself is whatever its root has written there."""

from pathlib import Path

import pytest

from aios.machines import identity
from aios.machines.about import system

ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (f"{ID}\n", ID),
        ("", ""),
        ("uninitialized\n", ""),
        (f"{ID}\nname: other\n", ""),
        ("x" * 99, ""),
    ],
)
def test_a_machine_id_is_one_or_none(tmp_path: Path, text: str, known: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text(text)
    assert identity.machine_id(tmp_path) == known


def test_a_systems_name_is_one_line() -> None:
    said = system({"PRETTY_NAME": "Debian\nprod  running\x1b[2J", "ID": "debian"})
    assert said == r"Debian\nprod  running\x1b[2J"
    assert system({"ID": "arch"}) == "arch"
    assert system({}) == ""
