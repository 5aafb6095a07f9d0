"""When nobody talks to aios, nothing of it runs; the next call works.

By its name it follows test_install, which leaves this sandbox alone for longer than services stay:
then nothing is left to wait for.
"""

import time

from sandbox import Sandbox

UNITS = ["aios-exec@aios", "aios-policy", "aios-memory"]
ENDED = "7ad2d189f7e94e70a38c781354912448"
"""systemd's MESSAGE_ID of it."""


def running(sandbox: Sandbox) -> list[str]:
    said = sandbox.run(
        ["systemctl", "list-units", "--no-legend", "--plain", "--state=running,activating",
         "aios-*.service"]
    ).stdout  # fmt: skip
    return said.splitlines()


def left(sandbox: Sandbox, unit: str) -> bool:
    """It was here, and ended well."""
    return bool(sandbox.journal("--lines=1", f"UNIT={unit}.service", f"MESSAGE_ID={ENDED}"))


def test_after_sixty_seconds_of_silence_nothing_runs(sandbox: Sandbox) -> None:
    if not all(left(sandbox, unit) for unit in UNITS):
        sandbox.run(["aios", "exec", "--", "true"], user="me")
    silence = time.monotonic() + 60
    while running(sandbox) and time.monotonic() < silence:
        time.sleep(1)  # silence is what is tested: there is nothing to wait on but time
    assert running(sandbox) == []
    assert all(left(sandbox, unit) for unit in UNITS)
    failed = sandbox.run(["systemctl", "list-units", "--no-legend", "--failed", "aios-*"]).stdout
    assert failed == ""
    assert sandbox.run(["aios", "exec", "--", "echo awake"], user="me").stdout == "awake\n"
