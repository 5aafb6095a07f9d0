"""When nobody talks to aios, nothing of it runs; the next call works."""

import time

from sandbox import Sandbox


def running(sandbox: Sandbox) -> list[str]:
    said = sandbox.run(
        ["systemctl", "list-units", "--no-legend", "--plain", "--state=running,activating",
         "aios-*.service"]
    ).stdout  # fmt: skip
    return said.splitlines()


def test_after_sixty_seconds_of_silence_nothing_runs(sandbox: Sandbox) -> None:
    sandbox.run(["aios", "exec", "--", "true"], user="me")
    assert running(sandbox)
    silence = time.monotonic() + 60
    while running(sandbox) and time.monotonic() < silence:
        time.sleep(1)  # silence is what is tested: there is nothing to wait on but time
    assert running(sandbox) == []
    failed = sandbox.run(["systemctl", "list-units", "--no-legend", "--failed", "aios-*"]).stdout
    assert failed == ""
    assert sandbox.run(["aios", "exec", "--", "echo awake"], user="me").stdout == "awake\n"
