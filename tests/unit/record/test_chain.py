"""Each kind of tampering is found, and named by the record's number; what is none is not."""

import json
import random
from collections.abc import Sequence

import pytest

from aios.record import verify
from aios.record.chain import Kind
from aios.record.digest import GENESIS, digest
from aios.record.verify import MARK

Fields = dict[str, str]


def records(count: int, *, machine: str = "aios", first: int = 1) -> list[Fields]:
    previous, made = GENESIS, []
    for number in range(1, first + count):
        fields = {
            "MESSAGE": f"Finished on {machine}: true", "MESSAGE_ID": "0" * 32, "PRIORITY": "6",
            "AIOS_ID": f"ID{number // 4}", "AIOS_EVENT": "finished", "AIOS_MACHINE": machine,
            "AIOS_COMMAND": f"echo é {number}", "AIOS_SEQUENCE": str(number),
            "AIOS_TIME_USEC": str(number * 1_000_000), "AIOS_PREVIOUS": previous,
        }  # fmt: skip
        previous = fields["AIOS_HASH"] = digest(fields)
        made.append({**fields, "_BOOT_ID": "b1"})
    return made[first - 1 :]


def rehash(fields: Fields, **changes: str) -> Fields:
    changed = {**fields, **changes}
    return {**changed, "AIOS_HASH": digest(changed)}


def lines(found: Sequence[Fields], *ends: dict[str, object]) -> list[str]:
    return [json.dumps(line) for line in [*found, *ends]]


def kinds(found: Sequence[Fields]) -> list[tuple[Kind, int, int]]:
    (report,) = verify.of_file(lines(found))
    return [(finding.kind, finding.sequence, finding.count) for finding in report.findings]


def test_a_whole_chain() -> None:
    (report,) = verify.of_file(lines(records(40)))
    assert (report.findings, report.count, report.first, report.last) == ([], 40, 1, 40)


def test_two_machines_are_two_chains() -> None:
    mixed = [r for pair in zip(records(9), records(9, machine="b"), strict=True) for r in pair]
    reports = verify.of_file(lines(mixed))
    assert [(report.machine, report.count, report.findings) for report in reports] == [
        ("aios", 9, []), ("b", 9, []),
    ]  # fmt: skip


def test_a_part_of_a_chain_is_no_alarm() -> None:
    (report,) = verify.of_file(lines(records(10, first=31)))
    assert (report.findings, report.first, report.last) == ([], 31, 40)
    assert any("begins with record 31" in note for note in report.notes)


@pytest.mark.parametrize("at", [1, 7, 38])
@pytest.mark.parametrize("count", [1, 5])
def test_removed(at: int, count: int) -> None:
    found = records(60)
    del found[at : at + count]
    assert kinds(found) == [(Kind.REMOVED, at + 1, count)]


def test_removed_before_the_last() -> None:
    found = records(10)
    del found[8]
    assert kinds(found) == [(Kind.REMOVED, 9, 1)]


def test_missing_at_the_end_of_a_boot_is_lost() -> None:
    found = records(20)
    for record in found[12:]:
        record["_BOOT_ID"] = "b2"
    del found[10:12]
    assert kinds(found) == [(Kind.LOST, 11, 2)]


@pytest.mark.parametrize("at", [0, 6, 19])
@pytest.mark.parametrize("name", ["MESSAGE", "AIOS_COMMAND", "AIOS_EVENT", "PRIORITY"])
def test_changed(at: int, name: str) -> None:
    found = records(20)
    found[at][name] += "x"
    assert kinds(found) == [(Kind.CHANGED, at + 1, 1)]


def test_changed_with_a_field_more_or_less() -> None:
    found = records(5)
    found[1]["AIOS_RULE"] = "made up"
    del found[3]["AIOS_COMMAND"]
    assert kinds(found) == [(Kind.CHANGED, 2, 1), (Kind.CHANGED, 4, 1)]


def test_changed_with_a_hash_of_its_own() -> None:
    found = records(20)
    found[6] = rehash(found[6], AIOS_COMMAND="ls")
    assert kinds(found) == [(Kind.CHANGED, 7, 1)]


@pytest.mark.parametrize(("one", "other"), [(4, 5), (4, 12), (12, 4), (0, 1)])
def test_reordered(one: int, other: int) -> None:
    found = records(20)
    found.insert(other, found.pop(one))
    (kind, _, count), *rest = kinds(found)
    assert (kind, count, rest) == (Kind.REORDERED, 1, [])


def test_the_clock_set_back_over_a_boot_is_no_alarm() -> None:
    found = records(20)
    for record in found[15:]:
        record["_BOOT_ID"] = "b2"
    found.insert(10, found.pop(15))
    assert kinds(found) == []


@pytest.mark.parametrize("behind", [0, 1, 8])
def test_forged_under_a_number_that_is_taken(behind: int) -> None:
    found = records(20)
    found.insert(6 + behind, rehash(found[6], AIOS_COMMAND="ls"))
    assert kinds(found) == [(Kind.FORGED, 7, 1)]


def test_forged_under_a_number_to_come() -> None:
    found = records(20)
    made_up = rehash(found[6], AIOS_SEQUENCE=str(10**9), AIOS_COMMAND="ls")
    found.insert(7, made_up)
    assert kinds(found) == [(Kind.FORGED, 10**9, 1)]


def test_no_number_is_illegible() -> None:
    found = records(3)
    found.append({**found[-1], "AIOS_SEQUENCE": "٣"})
    assert kinds(found) == [(Kind.ILLEGIBLE, 0, 1)]


def test_written_twice_is_no_alarm() -> None:
    found = records(20)
    found.insert(9, dict(found[8]))
    (report,) = verify.of_file(lines(found))
    assert (report.findings, report.repeated, report.count) == ([], 1, 20)


def test_the_senders_that_the_journal_names_are_looked_at_exactly() -> None:
    found = records(6)
    for record in found:
        record.update(_SYSTEMD_UNIT="aios-exec@aios.service", _UID="0")
    fake = rehash(found[2], AIOS_COMMAND="fake")
    for sender in (
        {"_UID": "1000"}, {"_SYSTEMD_UNIT": "aios-exec@aios.service.service"},
        {"_SYSTEMD_UNIT": "xaios-exec@aios.service"}, {"_SYSTEMD_UNIT": "aios-exec@b.service"},
        {"_SYSTEMD_UNIT": "run-aios-1.service"},
    ):  # fmt: skip
        found.append({**fake, **sender})
    (report,) = verify.of_file(lines(found))
    assert (report.findings, report.count) == ([], 6)
    assert sum("only look like records" in note for note in report.notes) == 5


def test_an_export_that_was_cut() -> None:
    found = records(20)
    end: dict[str, object] = {
        MARK: "end",
        "machines": {"aios": {"first": 1, "last": 20, "hash": found[-1]["AIOS_HASH"]}},
    }
    begin: dict[str, object] = {MARK: "begin"}
    assert verify.of_file(lines(found, begin, end))[0].findings == []
    (report,) = verify.of_file(lines(found[:15], begin, end))
    assert [(f.kind, f.sequence, f.count) for f in report.findings] == [(Kind.LOST, 16, 5)]
    (report,) = verify.of_file(lines(found[3:], begin, end))
    assert [(f.kind, f.sequence, f.count) for f in report.findings] == [(Kind.REMOVED, 1, 3)]
    _, report = verify.of_file(lines(found, begin))
    assert [finding.kind for finding in report.findings] == [Kind.LOST]
    found[-1] = rehash(found[-1], MESSAGE="ls")
    (report,) = verify.of_file(lines(found, begin, end))
    assert [(f.kind, f.sequence) for f in report.findings] == [(Kind.CHANGED, 20)]


def test_nothing_that_anybody_does_to_a_file_goes_unseen() -> None:
    """Whatever is done to some records of many, something is found; and nothing where nothing is
    done to what the chain is made of."""
    for seed in range(300):
        dice = random.Random(seed)
        found = records(30)
        at = dice.randrange(1, 29)
        match dice.choice(["remove", "change", "swap", "forge"]):
            case "remove":
                del found[at : at + dice.randint(1, 3)]
            case "change":
                name = dice.choice([n for n in found[at] if n not in ("_BOOT_ID",)])
                found[at][name] = "7" + found[at][name][1:] + "7"
            case "swap":
                other = dice.randrange(1, 29)
                if other == at:
                    continue
                found[at], found[other] = found[other], found[at]
            case "forge":
                fake = rehash(found[at], AIOS_SEQUENCE=str(dice.randint(1, 60)), MESSAGE="fake")
                found.insert(dice.randrange(1, 30), fake)
        reports = verify.of_file(lines(found))
        if len(found) < 30 and at + 1 > int(found[-1]["AIOS_SEQUENCE"]):
            continue  # the tail, of which a file without its last line says nothing
        assert any(report.findings for report in reports), seed
