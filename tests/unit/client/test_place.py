"""Which machine is meant when none is named."""

from pathlib import Path

import pytest

from aios.client import place


def test_the_host_is_meant_only_where_a_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "default-machine"
    monkeypatch.setattr(place, "OWN", str(own))
    assert place.hosts_machine() == "aios"
    assert place.shown(".host") == ".host"
    own.write_text(".host\n")
    assert place.hosts_machine() == ".host"
    assert place.shown(".host") == "aios"
    assert place.shown("web1") == "web1"
    own.write_text("\n")
    assert place.hosts_machine() == "aios"
