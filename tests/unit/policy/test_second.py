"""The second reader only raises; without it there is no policy."""

import builtins
from pathlib import Path

import pytest

from aios.errors import ConfigError
from aios.policy import second
from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy
from aios.policy.reader import read
from aios.policy.syntax import Line, Simple


def test_a_command_that_only_it_sees() -> None:
    blind = Line(commands=[Simple(words=["ls"])])
    unclear, unseen = second.opinion("ls; rm -rf /", blind)
    assert unclear
    assert [simple.words for simple in unseen] == [["rm", "-rf", "/"]]


@pytest.mark.parametrize(
    "text", ["ls -la | cat", "time ls", "ls > x y", "cat <<E\n$(ls)\nE", "! ls", "a=1 ls 'x y'"]
)
def test_agreement(text: str) -> None:
    assert second.opinion(text, read(text)) == second.Opinion()


def test_an_error_of_its_makes_the_line_unclear(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[permissions]\ndefault = "auto_allow"\n')
    policy = Policy.load([tmp_path / "p.toml"])
    assert not read("l[s]").unclear
    assert policy.check("l[s]", "m").decision is Decision.REQUIRE_APPROVAL


def test_its_time_is_bounded() -> None:
    for text in ("a|" * 30_000, "<<E\n" * 9000, "`" * 30_000, "a|" * 500 + "l[s]"):
        assert second.opinion(text, read(text)).unclear


def test_without_it_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name.startswith("tree_sitter"):
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    second._reader.cache_clear()
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match="second reading"):
        Policy.load([SHIPPED])
    monkeypatch.undo()
    second._reader.cache_clear()
