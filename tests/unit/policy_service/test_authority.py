"""Who may do what, and what the context adds. polkit's part is in the system tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aios.caller import Caller
from aios.errors import InvalidCommand, InvalidOption, NotAuthorized, NotFound
from aios.ids import new_id
from aios.policy.authority import Authority
from aios.policy.delegations import Delegations
from aios.policy.grants import Grants
from aios.policy.layers import Layers
from aios.policy.requests import Request, Requests, State
from aios.polkit import Check

EXEC = Caller(uid=0, pid=1)
PERSON = Caller(uid=70_001_000, pid=1, machine="aios", machine_uid=1000)
NEIGHBOUR = Caller(uid=80_001_000, pid=1, machine="aios-dev", machine_uid=1000)
STRANGER = Caller(uid=70_065_534, pid=1, machine="aios", machine_uid=65534)
OUTSIDER = Caller(uid=4_000_000, pid=1)


async def nobody(_name: str) -> bool:
    return False


def never(_caller: Caller, _request: Request, _grant: bool) -> Check:
    raise AssertionError("polkit is for people on the host")


@pytest.fixture
async def authority(tmp_path: Path) -> Authority:
    (tmp_path / "etc").mkdir()
    return Authority(
        layers=Layers(tmp_path / "state", tmp_path / "etc"),
        requests=Requests(tmp_path / "requests"),
        delegations=Delegations(tmp_path / "delegations", "bus", nobody),
        grants=Grants(tmp_path / "grants", "bus", nobody),
        ask=never,
    )


async def ask(authority: Authority, command: str, **context: object) -> tuple[str, str, str]:
    """(decision, id, profile) for root."""
    given = {"id": new_id(), "uid": 0, **context}
    decision, request_id, why = await authority.authorize(EXEC, command, "aios", given)
    return decision, request_id, why["profile"]


async def from_machine(authority: Authority) -> str:
    lent = await authority.delegate(PERSON, "s", "aios")
    context = {"id": new_id(), "uid": PERSON.uid, "delegation": lent.id}
    decision, request_id, why = await authority.authorize(EXEC, "rm x", "aios", context)
    assert (decision, why["user"], why["uid"]) == ("pending", "ai@aios", PERSON.uid)
    return request_id


@pytest.mark.parametrize(
    ("command", "context", "expected"),
    [
        ("ls", {}, ("auto_allow", "read-only")),
        ("ls", {"profile": "standard"}, ("pending", "standard")),
        ("ls", {"env": {"PATH": "/tmp"}}, ("pending", "full")),
        ("apt install tree", {}, ("notify", "standard")),
        ("apt install tree", {"profile": "read-only"}, ("notify", "read-only")),
        ("apt install tree", {"purpose": "probe"}, ("deny", "")),
        ("rm x", {"profile": "read-only"}, ("pending", "read-only")),
        ("rm -rf /", {"profile": "full", "env": {"A": "1"}}, ("deny", "full")),
        ("rm -rf *", {"cwd": "/"}, ("deny", "")),
        ("rm -rf *", {"cwd": "/srv/it's"}, ("pending", "full")),
        ("cat hostname", {"cwd": "/etc"}, ("auto_allow", "read-only")),
        ("grep -r x", {}, ("pending", "full")),  # it starts in a home
        ("grep -r x src", {}, ("auto_allow", "read-only")),
        ("grep -r x", {"cwd": "/srv/src"}, ("auto_allow", "read-only")),
    ],
)
async def test_what_is_decided(
    authority: Authority, command: str, context: dict[str, object], expected: tuple[str, str]
) -> None:
    decision, _, profile = await ask(authority, command, **context)
    assert (decision, profile) == expected


@pytest.mark.parametrize("cwd", ["", "/srv"])
async def test_where_a_command_runs_is_no_command(
    authority: Authority, tmp_path: Path, cwd: str
) -> None:
    """On the host nothing runs that no rule names: `cd` would need one."""
    (tmp_path / "etc" / "config.toml").write_text(
        '[[permissions.rule]]\npattern = "cat"\ndecision = "auto_allow"\nmachines = [".host"]\n'
    )
    for command, expected in (("cat hostname", "auto_allow"), ("cd /; cat hostname", "pending")):
        context = {"id": new_id(), "uid": 0, "cwd": cwd}
        decision, _, _ = await authority.authorize(EXEC, command, ".host", context)
        assert decision == expected


@pytest.mark.parametrize("caller", [PERSON, OUTSIDER, Caller(0, 1, "aios", 0)])
async def test_exec_is_root_on_the_host(authority: Authority, caller: Caller) -> None:
    context = {"id": new_id(), "uid": 0}
    with pytest.raises(NotAuthorized):
        await authority.authorize(caller, "ls", "aios", context)
    with pytest.raises(NotAuthorized):
        authority.redeem(caller, new_id())


@pytest.mark.parametrize("command", ["", " \n", "ls\0", "x" * 200_000])
async def test_no_command(authority: Authority, command: str) -> None:
    with pytest.raises(InvalidCommand):
        authority.check(EXEC, command, "aios")


async def test_people_in_a_machine_approve_what_they_asked_for_there(authority: Authority) -> None:
    theirs = await from_machine(authority)
    _, hosts, _ = await ask(authority, "rm x")
    assert [r.id for r in authority.list_pending(PERSON)] == [theirs]
    assert authority.list_pending(NEIGHBOUR) == []
    for caller, request_id in ((NEIGHBOUR, theirs), (PERSON, hosts)):
        with pytest.raises(NotFound):
            await authority.approve(caller, request_id)
        with pytest.raises(NotFound):
            authority.reject(caller, request_id, "")
    with pytest.raises(NotAuthorized):
        await authority.approve(STRANGER, theirs)
    await authority.approve(PERSON, theirs)
    assert authority.redeem(EXEC, theirs)[0] is State.APPROVED


async def test_a_machine_that_leaves_approvals_to_the_host(
    authority: Authority, tmp_path: Path
) -> None:
    theirs = await from_machine(authority)
    settings = tmp_path / "etc" / "config.toml"
    settings.write_text('[machine]\nmachine_approvals = "host"\n')
    with pytest.raises(NotAuthorized, match="on the host"):
        await authority.approve(PERSON, theirs)
    authority.withdraw(PERSON, theirs)
    assert authority.redeem(EXEC, theirs)[0] is State.WITHDRAWN


async def test_root_decides_without_polkit(authority: Authority) -> None:
    _, request_id, _ = await ask(authority, "rm x")
    await authority.approve(EXEC, request_id)
    state, why = authority.redeem(EXEC, request_id)
    assert (state, why["by_uid"], why["by_user"]) == (State.APPROVED, 0, "root")
    authority.withdraw(EXEC, request_id)
    assert authority.redeem(EXEC, request_id) == (state, why)


@pytest.mark.parametrize(
    "deed",
    [
        lambda a: a.check(OUTSIDER, "ls", "aios"),
        lambda a: a.list_pending(OUTSIDER),
        lambda a: a.reject(OUTSIDER, new_id(), ""),
        lambda a: a.withdraw(OUTSIDER, new_id()),
        lambda a: a.reload(OUTSIDER),
        lambda a: a.check(PERSON, "ls", "aios-dev"),
        lambda a: a.check(STRANGER, "ls", "aios"),
        lambda a: a.reload(PERSON),
    ],
)
async def test_refused(authority: Authority, deed: Callable[[Authority], object]) -> None:
    with pytest.raises(NotAuthorized):
        deed(authority)


async def test_a_delegation_is_for_a_place_and_a_session(authority: Authority) -> None:
    for caller, machine in ((OUTSIDER, "aios"), (PERSON, "aios-dev"), (STRANGER, "aios")):
        with pytest.raises(NotAuthorized):
            await authority.delegate(caller, "s", machine)
    with pytest.raises(InvalidOption):
        await authority.delegate(EXEC, "a\nb", "aios")
    lent = await authority.delegate(EXEC, "s", "aios")
    assert (await ask(authority, "ls", delegation=lent.id))[0] == "auto_allow"
    for context in ({"session": "t"}, {"uid": 1}, {"delegation": "x"}):
        with pytest.raises(NotAuthorized):
            await ask(authority, "ls", **{"delegation": lent.id, **context})
    with pytest.raises(NotAuthorized):
        await authority.revoke(PERSON, lent.id)
    await authority.revoke(EXEC, lent.id)
    with pytest.raises(NotAuthorized):
        await ask(authority, "ls", delegation=lent.id)
