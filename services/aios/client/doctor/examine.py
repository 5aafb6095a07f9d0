"""All checks, side by side."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aios.client.doctor import (
    accounts,
    chat,
    installed,
    kernel,
    machines,
    memory,
    names,
    paths,
    policy,
    polkit,
    record,
    space,
    units,
)
from aios.client.doctor.host import Host
from aios.client.doctor.report import Report
from aios.client.doctor.tools import Unseen
from aios.ids import HOST

AT_ONCE = 8
Check = Callable[[Host], Report]


def examine(host: Host) -> Iterator[Report]:
    """In order, each as soon as it and those before it are there."""
    checks: list[tuple[str, Check]] = [
        ("installed", installed.check), ("units", units.check), ("files", paths.check),
        ("accounts", accounts.check), ("bus", names.check), ("polkit", polkit.check),
        ("kernel", kernel.check), ("space", space.check), ("record", record.check),
        ("policy", policy.check), ("memory", memory.check), ("chat", chat.check),
    ]  # fmt: skip
    for name in (HOST, *host.machines):
        checks.append((f"machine {name}", partial(machines.check, machine=name)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = [pool.submit(_looked, name, check, host) for name, check in checks]
        for one in begun:
            yield one.result()


def _looked(name: str, check: Check, host: Host) -> Report:
    try:
        return check(host)
    except (Unseen, OSError, ValueError) as error:
        # ValueError: a file of somebody's own that is no text, or says what nobody expects there.
        return Report(name, unseen=[str(error)])
