"""aios log stats: what the commands of the record come to."""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aios.client.log_rows import Command, require_right_to_read
from aios.client.log_show import size
from aios.client.log_table import cut, local, one_line, padded, width
from aios.client.terminal import Terminal, seconds
from aios.text import print_json

MOST = 5
DAYS = 14
BAR = 30
REFUSED = ("deny", "rejected", "expired")


@dataclass
class Stats:
    commands: int = 0
    failed: int = 0
    """Of those that ran."""
    machines: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[int, str, str]] = field(default_factory=list)
    """(µs, id, command)"""
    largest: list[tuple[int, str, str]] = field(default_factory=list)
    """(bytes printed, id, command)"""

    def add(self, command: Command) -> None:
        known = command.fields
        self.commands += 1
        self.failed += bool(known.get("exit_status"))
        self.machines[str(known.get("machine", ""))] += 1
        self.users[str(known.get("user") or known.get("uid"))] += 1
        self.decisions[command.decision or "none yet"] += 1
        self.days[local(command.usec)[:10]] += 1
        text = one_line(command)
        if command.decision in REFUSED:
            self.refused[text] += 1
        for kept, name in ((self.slowest, "duration_usec"), (self.largest, "bytes_out")):
            if isinstance(known.get(name), int):
                heapq.heappush(kept, (known[name], command.id, text))
                if len(kept) > MOST:
                    heapq.heappop(kept)

    def json(self) -> dict[str, Any]:
        def most(kept: list[tuple[int, str, str]], name: str) -> list[dict[str, Any]]:
            return [
                {"id": job, name: value, "command": text}
                for value, job, text in sorted(kept, reverse=True)
            ]

        return {
            "commands": self.commands, "failed": self.failed, "machines": dict(self.machines),
            "users": dict(self.users), "decisions": dict(self.decisions),
            "days": dict(sorted(self.days.items())),
            "refused": dict(self.refused.most_common(MOST)),
            "slowest": most(self.slowest, "duration_usec"),
            "largest": most(self.largest, "bytes_out"),
        }  # fmt: skip


def stats(commands: Iterable[Command], *, as_json: bool) -> int:
    found = Stats()
    for command in commands:
        found.add(command)
    if not found.commands:
        require_right_to_read()
    if as_json:
        print_json(found.json())
        return 0
    terminal = Terminal()
    terminal.line(f"{found.commands} commands, {found.failed} of them failed", "bold")
    if not found.commands:
        return 0
    _bars(terminal, "by day", _days(found.days))
    _bars(terminal, "by machine", found.machines.most_common(MOST))
    _bars(terminal, "by user", found.users.most_common(MOST))
    _bars(terminal, "by decision", found.decisions.most_common())
    _list(terminal, "slowest", [(seconds(n), j, c) for n, j, c in sorted(found.slowest)[::-1]])
    _list(terminal, "largest output", [(size(n), j, c) for n, j, c in sorted(found.largest)[::-1]])
    refused = found.refused.most_common(MOST)
    _list(terminal, "most refused", [(f"{n} times", "", text) for text, n in refused])
    return 0


def _days(days: Counter[str]) -> list[tuple[str, int]]:
    return [
        (f"{datetime.fromisoformat(day):%a} {day}", count)
        for day, count in sorted(days.items())[-DAYS:]
    ]


def _bars(terminal: Terminal, title: str, rows: list[tuple[str, int]]) -> None:
    terminal.line(title, "bold")
    names = max(width(name) for name, _ in rows)
    most = max(count for _, count in rows)
    numbers = len(str(most))
    for name, count in rows:
        bar = "█" * max(round(BAR * count / most), 1) if terminal.out.isatty() else ""
        terminal.line(f"  {padded(name, names)}  {count:>{numbers}}  {bar}".rstrip())


def _list(terminal: Terminal, title: str, rows: list[tuple[str, str, str]]) -> None:
    if not rows:
        return
    terminal.line(title, "bold")
    wide = max(len(figure) for figure, _, _ in rows)
    for figure, job, text in rows:
        about = f"  {job}" if job else ""
        terminal.line(f"  {figure:>{wide}}{about}  {cut(text, max(terminal.width - 44, 20))}")
