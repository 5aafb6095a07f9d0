"""A policy's self-tests and case files.

A case is a line {"command", "machine"?, "user"?, "expect", "why"?}.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from aios.policy.decision import Decision
from aios.policy.tool.asker import Asker
from aios.policy.tool.lines import BadLine, Case, parse
from aios.text import visible

FAILED = 1
UNREADABLE = 2


def run(asker: Asker, files: Sequence[Path]) -> int:
    """The self-tests have passed, or the policy would not have been loaded."""
    tests = sum(len(layer.tests) for layer in asker.policy.layers)
    print(f"{tests} self-tests in {len(asker.policy.layers)} files passed")
    status = 0
    for file in files:
        status = max(status, _file(asker, file))
    return status


def read(file: Path) -> list[tuple[int, Case]]:
    """Raises BadLine (FILE:LINE)."""
    try:
        rows = file.read_bytes().splitlines()
    except OSError as error:
        raise BadLine(f"{file}: {error.strerror}") from error
    found = []
    for number, raw in enumerate(rows, 1):
        if not raw.strip():
            continue
        try:
            found.append((number, parse(raw)))
        except BadLine as error:
            raise BadLine(f"{file}:{number}: {error}") from error
    return found


def _file(asker: Asker, file: Path) -> int:
    try:
        cases = [(number, case, _expected(file, number, case)) for number, case in read(file)]
    except BadLine as error:
        print(f"aios: {visible(str(error))}", file=sys.stderr)
        return UNREADABLE
    failed = 0
    for number, case, expected in cases:
        verdict = asker.named(case.user).check(case.command, case.machine)
        if verdict.decision is expected:
            continue
        failed += 1
        why = case.fields.get("why")
        print(visible(f"{file}:{number}: {case.command}"))
        print(f"  expected  {expected}{f' ({visible(str(why))})' if why else ''}")
        print(visible(f"  decided   {verdict.decision} by {verdict.rule}: {verdict.command}"))
    print(f"{file}: {len(cases) - failed} of {len(cases)} cases as expected")
    return FAILED if failed else 0


def _expected(file: Path, number: int, case: Case) -> Decision:
    value = case.fields.get("expect")
    if not isinstance(value, str) or value not in list(Decision):
        raise BadLine(f"{file}:{number}: expect is one of {', '.join(Decision)}")
    return Decision(value)
