"""What a session grant covers, for whom, and when it ends."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from aios.caller import Caller
from aios.errors import InvalidOption, NotFound
from aios.ids import new_id
from aios.policy.clock import now_usec
from aios.policy.grants import LIFE_USEC, Grants, holder, keys, words
from aios.policy.requests import Request

ME = Caller(uid=1000, pid=os.getpid())
OTHER = Caller(uid=1001, pid=os.getpid())
ROOT = Caller(uid=0, pid=1)


async def nobody(_name: str) -> bool:
    return False


def request(command: str = "rm x", **changes: object) -> Request:
    made = Request(
        id=new_id(), command=command, machine="aios", uid=1000, user="me", origin="", session="S",
        cwd="/srv", profile="full", binding="", part="", rule="", reason="", normalized="",
        expires_usec=now_usec(), holder=holder(ME),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def keys_of(command: str, **changes: object) -> tuple[str, str]:
    given = {"machine": "aios", "uid": 1000, "cwd": "/srv", "env": {}, "profile": "full"}
    return keys(command=command, **{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("rm x", ["rm", "x"]),
        ("rm   'x'", ["rm", "x"]),
        ('rm "a b"', ["rm", "a b"]),
        ("systemctl restart nginx", ["systemctl", "restart", "nginx"]),
        *((line, []) for line in (
            "rm x; rm y", "rm x && rm y", "rm x | cat", "rm x &", "(rm x)", "{ rm x; }", "! rm x",
            "for i in 1 2; do rm x; done", "time rm x", "coproc rm x", "rm x > y", "A=1 rm x",
            "rm $X", "rm *", "rm $(ls)", "rm ~/x", "rm x # y", "rm x\nrm y", "rm $'x'",
            "sudo rm x", "env rm x", "env", "git push", "bash -c 'rm x'", "python3 x.py", "./x.sh",
            "nice rm x", "find . -delete | sh", "frobnicate x", "docker ps", "ssh host rm x",
        )),
    ],
)  # fmt: skip
def test_what_may_be_spelled_otherwise(command: str, found: list[str]) -> None:
    assert words(command) == found


async def test_what_is_covered(tmp_path: Path) -> None:
    grants = Grants(tmp_path, "bus", nobody)
    grant = grants.add(request(), ROOT)

    async def covered(
        found: tuple[str, str], person: Caller = ME, session: str = "S", held: str = holder(ME)
    ) -> bool:
        return await grants.covering(found, person=person, session=session, holder=held) == grant

    assert await covered(keys_of("rm x"))
    assert await covered(keys_of("rm  'x'"))
    for command in ("rm y", "rm x y", "rm -r x", "rm x; ls", "sudo rm x"):
        assert not await covered(keys_of(command))
    for change in (
        {"machine": "dev"}, {"uid": 1001}, {"cwd": "/"}, {"env": {"A": "1"}},
        {"profile": "standard"},
    ):  # fmt: skip
        assert not await covered(keys_of("rm x", **change))
    assert not await covered(keys_of("rm x"), person=OTHER)
    assert not await covered(keys_of("rm x"), person=Caller(1000, os.getpid(), "aios", 1000))
    assert not await covered(keys_of("rm x"), session="T")
    assert not await covered(keys_of("rm x"), held=holder(ROOT))
    assert not await covered(keys_of("rm x"), held="")


async def test_to_the_byte(tmp_path: Path) -> None:
    grants = Grants(tmp_path, "bus", nobody)
    grant = grants.add(request("git push"), ROOT)
    assert not grant.wide
    for command, expected in (("git push", grant), ("git  push", None)):
        found = keys_of(command)
        held = holder(ME)
        assert await grants.covering(found, person=ME, session="S", holder=held) == expected


async def test_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grants = Grants(tmp_path, "bus", nobody)
    kept = grants.add(request(), ROOT)
    gone = grants.add(request(holder=f"{os.getpid()}:1"), ROOT)
    bus = grants.add(request(holder=":1.42"), ROOT)
    assert await grants.live() == [kept]
    for grant in (gone, bus):
        with pytest.raises(NotFound):
            await grants.get(grant.id)
    # Policy may be killed; a boot ends all.
    assert await Grants(tmp_path, "bus", nobody).live() == [kept]
    later = now_usec() + LIFE_USEC
    with monkeypatch.context() as patch:
        patch.setattr("aios.policy.clock.now_usec", lambda: later)
        assert await Grants(tmp_path, "bus", nobody).live() == []
    # Nor has anybody more time by a clock that is set back.
    set_back = grants.add(request(), ROOT)
    with monkeypatch.context() as patch:
        patch.setattr("aios.policy.clock.now_usec", lambda: now_usec() - LIFE_USEC)
        assert await Grants(tmp_path, "bus", nobody).live() == [set_back]
        patch.setattr("aios.policy.clock._since_boot_usec", lambda: set_back.until_usec)
        assert await Grants(tmp_path, "bus", nobody).live() == []
    grants.add(request(), ROOT)
    assert await Grants(tmp_path, "another", nobody).live() == []
    assert list(tmp_path.iterdir()) == []


def test_no_session_no_grant(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="session"):
        Grants(tmp_path, "bus", nobody).require_possible(request(holder=""))
