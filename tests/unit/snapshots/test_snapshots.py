"""Taking, restoring, removing, in directories."""

import asyncio
import os
from pathlib import Path

import pytest
from tests.unit.snapshots.conftest import Place, settled

from aios.errors import AiosError, Busy, InvalidOption, NoSuchMachine, NotFound, Unavailable
from aios.snapshots import generation, taking
from aios.snapshots.copy import shares
from aios.snapshots.generation import Generation, Method, Moment, beyond
from aios.snapshots.restores import Again
from aios.snapshots.snapshots import Wanted


async def test_there_and_back(place: Place) -> None:
    made = place.snapshots()
    first = await made.take("aios", Wanted(name="clean", note="as installed"), place.tell)
    assert (first["name"], first["moment"]) == ("clean", "stopped")
    assert {first["memory"]} == place.backups == {f"snapshot-{first['id']}.db"}
    place.version("two")
    (place.tree / "etc" / "only-one").unlink()
    done = await made.restore("aios", Again("clean"), place.tell)
    assert place.now == "one" and place.whole
    assert not (place.tree / "etc" / "only-two").exists()
    listed = await made.listed("aios")
    assert [one["name"] for one in listed] == ["before-restore", "clean"]
    assert done["kept"] == listed[0]["id"]
    assert place.backups == {one["memory"] for one in listed}
    for one in listed:
        assert await made.verify("aios", one["id"], place.tell) == []
    await made.restore("aios", Again("before-restore", discard=True), place.tell)
    assert place.now == "two" and place.whole
    assert len(await made.listed("aios")) == 2
    assert await made.listed("") == await made.listed("aios")


async def test_a_machine_that_runs(place: Place) -> None:
    made = place.snapshots()
    await place.start("aios")
    with pytest.raises(Busy, match="no one moment"):
        await made.take("aios", Wanted(), place.tell)
    assert place.backups == set()
    assert (await made.take("aios", Wanted(stop=True), place.tell))["moment"] == "stopped"
    assert (await made.take("aios", Wanted(freeze=True), place.tell))["moment"] == "frozen"
    assert await place.runs("aios") and not list((place.top / "frozen").iterdir())
    with pytest.raises(Busy, match="runs"):
        await made.restore("aios", Again(), place.tell)
    await made.restore("aios", Again(stop=True), place.tell)
    assert await place.runs("aios")


async def test_one_that_is_gone_comes_back_with_its_settings(place: Place) -> None:
    made = place.snapshots()
    await made.take("aios", Wanted(memory=False), place.tell)
    assert place.backups == set()
    place.tree.rename(place.top / "gone")
    (place.top / "nspawn" / "aios.nspawn").unlink()
    with pytest.raises(NotFound, match="without the memory"):
        await made.restore("aios", Again(memory=True), place.tell)
    assert "kept" not in await made.restore("aios", Again(), place.tell)
    assert place.whole
    assert (place.top / "nspawn" / "aios.nspawn").read_text() == "[Exec]\n"


async def test_settings_and_memory_only_when_asked_for(place: Place) -> None:
    made = place.snapshots()
    taken = await made.take("aios", Wanted(), place.tell)
    settings = place.top / "nspawn" / "aios.nspawn"
    settings.write_text("[Exec]\nBoot=yes\n")
    done = await made.restore("aios", Again(), place.tell)
    assert done["settings_differ"] and "Boot" in settings.read_text()
    assert not (place.top / "recalled").exists()
    await made.restore("aios", Again(taken["id"], settings=True, memory=True), place.tell)
    assert "Boot" not in settings.read_text()
    assert (place.top / "recalled").read_text() == taken["memory"]


async def test_keeping_so_many_of_a_name(place: Place) -> None:
    made = place.snapshots()
    named = await made.take("aios", Wanted(name="release"), place.tell)
    ids = [(await made.take("aios", Wanted(keep=2), place.tell))["id"] for _ in range(2)]
    assert (await made.plan("aios", Wanted(keep=2)))["removes"] == [ids[0]]
    ids.append((await made.take("aios", Wanted(keep=2), place.tell))["id"])
    assert [one["id"] for one in await made.listed("aios")] == [ids[2], ids[1], named["id"]]
    assert await made.prune("aios", "", 0, dry_run=True) == [ids[2], ids[1]]
    assert len(await made.listed("aios")) == 3
    with pytest.raises(NotFound):
        await made.remove("aios", [ids[2], "nosuch"])
    assert await made.remove("aios", [ids[2], ids[1][-8:], ids[2][-8:]]) == [ids[2], ids[1]]
    await settled(made)
    assert place.backups == {named["memory"]}
    assert [path.name for path in (place.top / "beside" / "aios").iterdir()
            if path.name != ".lock"] == [named["id"]]  # fmt: skip


async def test_what_was_changed_is_found_and_not_restored(place: Place) -> None:
    made = place.snapshots()
    taken = await made.take("aios", Wanted(), place.tell)
    tree = Path(taken["path"]) / "tree"
    file = tree / "etc" / "version"
    before = file.stat()
    file.write_text("ONE")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    (tree / "new").touch()
    found = await made.verify("aios", "", place.tell)
    assert "new is new" in found and ".: time changed" in found
    if not shares(place.top):
        assert "etc/version: content changed" in found
        with pytest.raises(Unavailable, match="not what it was"):
            await made.restore("aios", Again(), place.tell)
        assert place.now == "one"
    (tree / "new").unlink()
    file.unlink()
    assert "etc/version is missing" in await made.verify("aios", "", place.tell)
    (place.top / "memory" / taken["memory"]).unlink()
    assert f"the memory's backup {taken['memory']} is missing" in await made.verify(
        "aios", "", place.tell
    )
    (Path(taken["path"]) / "manifest.gz").write_bytes(b"x")
    assert "its manifest was changed" in await made.verify("aios", "", place.tell)


async def test_one_that_nobody_can_read_is_told_and_removed(place: Place) -> None:
    made = place.snapshots()
    good = await made.take("aios", Wanted(), place.tell)
    bad = await made.take("aios", Wanted(), place.tell)
    (Path(bad["path"]) / generation.FILE).write_text("{")
    (first, second) = await made.listed("aios")
    assert (first["method"], second["id"]) == ("unknown", good["id"])
    assert "generation.json" in (await made.verify("aios", bad["id"], place.tell))[0]
    assert (await made.restore("aios", Again(), place.tell))["restored"] == good["id"]
    assert await made.remove("aios", [bad["id"]]) == [bad["id"]]
    await settled(made)
    assert bad["memory"] not in place.backups and good["memory"] in place.backups


async def test_what_is_no_machine(place: Place, tmp_path: Path) -> None:
    made = place.snapshots()
    for name in ("..", ".host", "a/b", "nosuch", "", ".aios"):
        with pytest.raises(NoSuchMachine):
            await made.take(name, Wanted(), place.tell)
    (place.top / "machines" / "disk.raw").touch()
    (place.top / "machines" / "linked").symlink_to(place.tree)
    for name in ("disk", "linked"):
        with pytest.raises(Unavailable):
            await made.take(name, Wanted(), place.tell)
    with pytest.raises(NotFound, match="has no snapshots"):
        await made.restore("aios", Again(), place.tell)
    for wanted in (Wanted(name="a b"), Wanted(name="-x"), Wanted(note="a\nb"),
                   Wanted(name="01M8HWXDE64FNTMHC35167CMQW")):  # fmt: skip
        with pytest.raises(InvalidOption):
            await made.take("aios", wanted, place.tell)


async def test_they_go_with_the_machines_name(place: Place) -> None:
    made = place.snapshots()
    taken = await made.take("aios", Wanted(), place.tell)
    place.tree.rename(place.tree.with_name("other"))
    for _ in range(2):
        place.store().rename("aios", "other")
    assert await made.listed("aios") == []
    (one,) = await made.listed("")
    assert (one["id"], one["machine"]) == (taken["id"], "other")
    assert await made.verify("other", "", place.tell) == []
    await made.restore("other", Again(), place.tell)
    assert {one["machine"] for one in await made.listed("other")} == {"other"}


async def test_one_at_a_time(place: Place) -> None:
    made = place.snapshots()
    with place.store().locked("aios"), pytest.raises(Busy, match="under way"):
        await made.take("aios", Wanted(), place.tell)
    await made.take("aios", Wanted(), place.tell)


async def test_who_goes_away_leaves_nothing(place: Place) -> None:
    made = place.snapshots()
    await place.start("aios")
    begun = asyncio.Event()

    async def tell(text: str) -> None:
        if text.startswith("copying"):
            begun.set()
            await asyncio.sleep(3600)

    task = asyncio.ensure_future(made.take("aios", Wanted(stop=True), tell))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settled(made)
    assert await place.runs("aios")
    assert await made.listed("aios") == []
    assert place.backups == set()
    assert [path.name for path in (place.top / "beside" / "aios").iterdir()] == [".lock"]


async def test_a_memory_that_fails_is_told_when_the_tree_is_restored(place: Place) -> None:
    made = place.snapshots()
    await made.take("aios", Wanted(), place.tell)
    place.version("two")
    asked = place.ask

    async def refuse(method: str, **parameters: str) -> dict[str, object]:
        if method == "Restore":
            raise Unavailable("damaged")
        return await asked(method, **parameters)

    place.ask = refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(AiosError, match="damaged") as told:
        await place.snapshots().restore("aios", Again(memory=True), place.tell)
    assert "is restored" in told.value.hint
    assert place.now == "one"
    assert len(await made.listed("aios")) == 2


def test_retention() -> None:
    def one(number: int, name: str) -> Generation:
        return Generation(str(number), "aios", "", Method.COPY, Moment.STOPPED, name)

    some = [one(5, "a"), one(4, ""), one(3, "a"), one(2, ""), one(1, "a")]
    assert [found.id for found in beyond(some, "a", 1)] == ["3", "1"]
    assert [found.id for found in beyond(some, "", 1)] == ["2"]
    assert beyond(some, "a", 3) == beyond(some, "b", 0) == []


def test_a_generation_is_what_was_written(tmp_path: Path) -> None:
    name = tmp_path.parent.name
    made = Generation("x", name, taking.now(), Method.MOVED, Moment.FROZEN, subvolumes={".": 3})
    generation.write(made, tmp_path)
    assert generation.read(tmp_path) == made
    for broken in ("", "{}", '{"method": "x", "moment": "y"}', '{"id": 1'):
        (tmp_path / generation.FILE).write_text(broken)
        with pytest.raises(ValueError):
            generation.read(tmp_path)


async def test_what_fails_on_the_way_back_hides_nothing(place: Place) -> None:
    await place.start("aios")

    async def tell(text: str) -> None:
        if text.startswith("copying"):
            raise Unavailable("no copy")

    async def start(_name: str) -> None:
        raise Unavailable("no start")

    place.start = start  # type: ignore[method-assign]
    made = place.snapshots()
    with pytest.raises(Unavailable, match="no copy") as told:
        await made.take("aios", Wanted(stop=True), tell)
    assert "then no start" in told.value.hint
    await settled(made)
    assert await made.listed("aios") == []
