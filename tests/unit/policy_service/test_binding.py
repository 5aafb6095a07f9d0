"""What an approval is bound to, and the environment that needs a human's eye."""

import pytest

from aios.binding import binding
from aios.policy.environment import unsettled

ONE = {"command": "ls", "machine": "aios", "uid": 1000, "cwd": "/", "env": {}, "profile": "full"}


def test_the_order_of_the_environment_does_not_matter() -> None:
    forth, back = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}
    assert binding(**{**ONE, "env": forth}) == binding(**{**ONE, "env": back})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"command": "ls "},
        {"machine": "aios-dev"},
        {"uid": 1001},
        {"cwd": ""},
        {"env": {"A": ""}},
        {"profile": "standard"},
        {"command": 'ls","aios'},
    ],
)
def test_everything_else_does(change: dict[str, object]) -> None:
    assert binding(**{**ONE, **change}) != binding(**ONE)  # type: ignore[arg-type]


def test_it_is_the_same_everywhere() -> None:
    """exec may run with an older policy for a moment: the form must not drift."""
    assert (
        binding(
            command="echo ü\U0001f600", machine="aios", uid=1000, cwd="/srv",
            env={"LANG": "C"}, profile="full",
        )
        == "12cb22a999cd28461af342ecd8569da43ebce08c5f2114ce58c56f7f1caae609"
    )  # fmt: skip


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C.UTF-8", "LC_ALL": "de_DE.UTF-8@euro", "TERM": "xterm-256color"},
        {"TZ": "Europe/Berlin", "COLUMNS": "80", "NO_COLOR": ""},
    ],
)
def test_harmless(env: dict[str, str]) -> None:
    assert unsettled(env) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/tmp"),
        ("LD_PRELOAD", "/tmp/x.so"),
        ("BASH_ENV", "/tmp/x"),
        ("BASH_FUNC_ls%%", "() { :; }"),
        ("PAGER", "less"),
        ("FOO", "1"),
        ("LANG", "../../tmp/x"),
        ("LANG", "zh_TW"),
        ("LC_CTYPE", "zh_CN.gbk"),
        ("TZ", ":/etc/shadow"),
        ("TZ", "Europe/../../etc/shadow"),
        ("TERM", "/tmp/x"),
        ("TERM", "x\n"),
        ("LANG\n", "C"),
    ],
)
def test_needs_an_eye(name: str, value: str) -> None:
    assert unsettled({name: value}) == [name]


def test_where_a_session_is() -> None:
    assert unsettled({"PWD": "/srv/a b", "OLDPWD": "/srv"}, "/srv/a b") == []
    assert unsettled({"OLDPWD": "/"}) == []
    # The shell would believe it, and `..` lead elsewhere.
    assert unsettled({"PWD": "/srv"}, "/srv/x") == ["PWD"]
    assert unsettled({"PWD": "/srv"}) == ["PWD"]
    assert unsettled({"OLDPWD": "$(id)"}) == ["OLDPWD"]
    assert unsettled({"OLDPWD": "-P /x"}) == ["OLDPWD"]
    assert unsettled({"OLDPWD": ""}) == ["OLDPWD"]
