"""aios machine snapshot, snapshots, restore."""

from typing import Any

from aios.client import place, steps
from aios.client.consent import require
from aios.client.terminal import Terminal
from aios.client.varlink import Connection
from aios.text import print_json

_NEWEST = "its id, the end of it, or its name"


def add(actions: Any) -> None:
    snapshot = actions.add_parser(
        "snapshot",
        help="keep what it is now",
        description="Keeps a machine's files, with a backup of the memory. A snapshot of"
        " btrfs where its tree is a subvolume, else a copy, which shares blocks where the file"
        " system can.",
    )
    snapshot.add_argument("machine", metavar="NAME")
    snapshot.add_argument("--name", default="", metavar="WORD", help="several may have the same")
    snapshot.add_argument("--note", default="", metavar="TEXT")
    snapshot.add_argument("--keep", type=int, metavar="N", help="of that name, the N newest stay")
    meanwhile = snapshot.add_mutually_exclusive_group()
    meanwhile.add_argument("--stop", action="store_true", help="stop it meanwhile, if it runs")
    meanwhile.add_argument(
        "--freeze", action="store_true",
        help="let all of it wait meanwhile: the copy is what a power cut would have left",
    )  # fmt: skip
    snapshot.add_argument("--no-memory", action="store_true", help="without a backup of the memory")
    snapshot.set_defaults(run=_snapshot)

    snapshots = actions.add_parser(
        "snapshots",
        help="those that are kept; verify or remove them",
        description="Snapshots, the newest first.",
    )
    snapshots.add_argument("machine", nargs="?", default="", metavar="NAME", help="(all)")
    what = snapshots.add_mutually_exclusive_group()
    what.add_argument("--verify", nargs="?", const="", metavar="ID",
                      help="whether it is what it was (all of NAME's)")  # fmt: skip
    what.add_argument("--remove", nargs="+", metavar="ID", help=f"{_NEWEST} (the newest of it)")
    what.add_argument("--keep", type=int, metavar="N", help="remove all but the N newest")
    snapshots.add_argument("--name", default="", metavar="WORD",
                           help="with --keep: of those with this name (without one)")  # fmt: skip
    snapshots.set_defaults(run=_snapshots, usage=snapshots.error)

    restore = actions.add_parser(
        "restore",
        help="put it back to a snapshot",
        description="Puts a machine's files back. What is there now becomes a snapshot itself,"
        " before-restore.",
    )
    restore.add_argument("machine", metavar="NAME")
    restore.add_argument("snapshot", nargs="?", default="", metavar="SNAPSHOT",
                         help=f"{_NEWEST} (the newest, before-restore aside)")  # fmt: skip
    restore.add_argument("--stop", action="store_true", help="stop it meanwhile, if it runs")
    restore.add_argument("--discard", action="store_true", help="do not keep what is there now")
    restore.add_argument(
        "--memory", action="store_true",
        help="the memory goes back, too: that of all machines, and it forgets what came since",
    )  # fmt: skip
    restore.add_argument("--settings", action="store_true", help="its .nspawn file goes back, too")
    restore.set_defaults(run=_restore)
    for action in (snapshot, snapshots, restore):
        action.add_argument("--dry-run", action="store_true", help="only say what would be done")
        action.add_argument("--json", action="store_true", help="as the service answers")
    for action in (snapshots, restore):
        action.add_argument("--yes", action="store_true", help="do not ask")


def _snapshot(given: Any) -> int:
    options: dict[str, Any] = {
        "name": given.name, "note": given.note, "stop": given.stop, "freeze": given.freeze,
        "memory": not given.no_memory, "dry_run": given.dry_run,
    }  # fmt: skip
    if given.keep is not None:
        options["keep"] = given.keep
    terminal = Terminal()
    parameters = {"name": given.machine, "options": options}
    made = steps.call("Snapshot", parameters, terminal)["snapshot"]
    if given.json:
        print_json(made)
        return 0
    if given.dry_run:
        _would(terminal, made, f"a snapshot of {given.machine}")
        for one in made["removes"]:
            terminal.line(f"would remove {one}")
        return 0
    terminal.line(_line(made))
    return 0


def _would(terminal: Terminal, made: dict[str, Any], what: str) -> None:
    how = {"subvolume": "of btrfs, at once", "reflink": "by reference",
           "copy": f"a copy of {_size(made.get('bytes', 0))}"}[made["method"]]  # fmt: skip
    terminal.line(f"{what}: {how}; {_size(made['free'])} are free")


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _line(one: dict[str, Any]) -> str:
    about = [str(one["created_at"])[:16].replace("T", " "), one["name"], one["method"]]
    if "bytes" in one:
        about.append(_size(one["bytes"]))
    if one["moment"] != "stopped":
        about.append(f"while {one['moment']}")
    if one["memory"]:
        about.append("with memory")
    said = ", ".join(filter(None, about))
    return f"{one['machine']}  {one['id']}  {said}" + (f": {one['note']}" if one["note"] else "")


def _snapshots(given: Any) -> int:
    if given.verify is None and given.remove is None and given.keep is None:
        return _list(given)
    if not given.machine:
        given.usage("of which machine?")
    terminal = Terminal()
    if given.verify is not None:
        return _verify(given, terminal)
    return _remove(given, terminal)


def _list(given: Any) -> int:
    place.require_host("`aios machine`", "Machines are made and started from there.")
    parameters = {"name": given.machine}
    found = place.look_up("machines", f"{place.MACHINE}.ListSnapshots", parameters)["snapshots"]
    if given.json:
        print_json(found)
        return 0
    terminal = Terminal()
    if not found:
        terminal.note("There is none: aios machine snapshot NAME makes one.")
    for one in found:
        terminal.line(_line(one))
    return 0


def _verify(given: Any, terminal: Terminal) -> int:
    names = [given.verify]
    with steps.connection() as opened:
        if not given.verify:
            parameters = {"name": given.machine}
            found = opened.call(f"{place.MACHINE}.ListSnapshots", parameters)["snapshots"]
            names = [one["id"] for one in found]
        told = {name: _problems(given.machine, name, terminal, opened) for name in names}
    if given.json:
        print_json(told)
    else:
        for name, problems in told.items():
            terminal.line(f"{name}  {'is what it was' if not problems else 'is damaged'}")
            for problem in problems:
                terminal.line(f"  {problem}", "red")
    return 1 if any(told.values()) else 0


def _problems(machine: str, snapshot: str, terminal: Terminal, on: Connection) -> list[str]:
    parameters = {"name": machine, "snapshot": snapshot}
    problems: list[str] = steps.call("VerifySnapshot", parameters, terminal, on=on)["problems"]
    return problems


def _remove(given: Any, terminal: Terminal) -> int:
    options: dict[str, Any] = {"ids": given.remove}
    if given.remove is None:
        options = {"keep": given.keep, "name": given.name}
    with steps.connection() as opened:
        parameters = {"name": given.machine, "options": {**options, "dry_run": True}}
        found = steps.call("RemoveSnapshots", parameters, terminal, on=opened)["removed"]
        if found and not given.dry_run:
            question = f"Remove {len(found)} of {given.machine}'s snapshots?"
            require(question, given=given.yes, option="--yes")
            parameters = {"name": given.machine, "options": {"ids": found}}
            found = steps.call("RemoveSnapshots", parameters, terminal, on=opened)["removed"]
    if given.json:
        print_json(found)
        return 0
    for one in found:
        terminal.line(f"{'would remove' if given.dry_run else 'removed'} {one}")
    if not found:
        terminal.note("There is none to remove.")
    return 0


def _restore(given: Any) -> int:
    options = {"discard": given.discard, "stop": given.stop, "memory": given.memory,
               "settings": given.settings}  # fmt: skip
    terminal = Terminal()
    parameters = {"name": given.machine, "snapshot": given.snapshot}
    with steps.connection() as opened:
        dry = {**parameters, "options": {**options, "dry_run": True}}
        plan = steps.call("Restore", dry, terminal, on=opened)["restored"]
        if given.dry_run:
            if given.json:
                print_json(plan)
                return 0
            _would(terminal, plan, f"{given.machine} from snapshot {plan['snapshot']}")
            terminal.line(f"what is there now would {'be kept' if plan['keeps'] else 'be gone'}")
            return 0
        parameters["snapshot"] = plan["snapshot"]
        question = f"Put {given.machine} back to snapshot {plan['snapshot']}?"
        if given.discard:
            question += " What is there now is gone for good."
        if given.memory:
            question += " The memory of all machines goes back, too."
        require(question, given=given.yes, option="--yes")
        done = steps.call("Restore", {**parameters, "options": options}, terminal, on=opened)
    restored = done["restored"]
    if given.json:
        print_json(restored)
        return 0
    terminal.line(f"{given.machine} is what it was in snapshot {restored['restored']}")
    if "kept" in restored:
        terminal.line(f"what was there before is snapshot {restored['kept']} (before-restore)")
    if restored["settings_differ"]:
        terminal.note("Its .nspawn file is the present one; --settings puts back that one, too.")
    return 0
