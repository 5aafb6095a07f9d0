"""systemd's own tools, asked."""

import json
import subprocess
from typing import Any

SECONDS = 15.0


class Unseen(Exception):
    """What could not be looked at, and why."""


def ask(
    *argv: str, seconds: float = SECONDS, secret: bool = False
) -> subprocess.CompletedProcess[str]:
    """secret: what it prints goes nowhere. Raises Unseen when there is no answer at all."""
    try:
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            stdout=subprocess.DEVNULL if secret else subprocess.PIPE, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unseen(f"{argv[0]} did not answer within {seconds:.0f} s") from error
    except OSError as error:
        raise Unseen(f"{argv[0]}: {error.strerror}") from error


def told(*argv: str, seconds: float = SECONDS) -> str:
    """What it prints. Raises Unseen when it fails."""
    done = ask(*argv, seconds=seconds)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Unseen(f"{argv[0]}: {lines[-1] if lines else f'ended with {done.returncode}'}")
    return done.stdout


def told_json(*argv: str) -> Any:
    text = told(*argv)
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unseen(f"{argv[0]} did not answer with JSON") from error
