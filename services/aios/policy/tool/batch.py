"""Many questions, answered in order: for measuring a policy, and for packagers."""

import json
import sys
from typing import BinaryIO, TextIO

from aios.policy.tool.asker import Asker
from aios.policy.tool.lines import DEFAULT_MACHINE, BadLine, Case, parse

BAD_INPUT = 2


def run(asker: Asker, given: BinaryIO, answers: TextIO, machine: str = DEFAULT_MACHINE) -> int:
    """One answer for each line, flushed, so that a caller may wait for it before it asks on."""
    status = 0
    for raw in given:
        if not raw.strip():
            continue
        try:
            answer = _answer(asker, parse(raw, machine))
        except BadLine as error:
            answer, status = {"id": error.id, "error": str(error)}, BAD_INPUT
        # ASCII: a lone surrogate is no UTF-8.
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return status


def _answer(asker: Asker, case: Case) -> dict[str, object]:
    verdict = asker.named(case.user).check(case.command, case.machine)
    return {
        "id": case.id,
        "decision": str(verdict.decision),
        "rule": verdict.rule,
        "why": _why(verdict.command, verdict.reason),
    }


def _why(command: str, reason: str) -> str:
    return f"{command}: {reason}" if reason else command


def main(asker: Asker, *, machine: str) -> int:
    return run(asker, sys.stdin.buffer, sys.stdout, machine)
