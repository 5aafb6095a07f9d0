"""The record on another computer: systemd-journal-upload to systemd-journal-remote, on loopback."""

from collections.abc import Iterator

import pytest
from governed import run, until
from sandbox import Sandbox

REMOTE = "/var/log/journal/remote"
COLLECTED = f"{REMOTE}/remote-127.0.0.1.journal"
CHECK = f"journalctl --file={COLLECTED} -o json --all -u 'aios-exec@*' | aios log verify --json -"

pytestmark = pytest.mark.long


@pytest.fixture
def collecting(sandbox: Sandbox) -> Iterator[None]:
    sandbox.run(
        ["sh", "-ec", "apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -q -y"
         " --no-install-recommends systemd-journal-remote"],
        timeout=300,
    )  # fmt: skip
    sandbox.sh(f"install -d -o systemd-journal-remote {REMOTE}")
    sandbox.run(
        ["systemd-run", "--quiet", "--unit=collect", "--uid=systemd-journal-remote",
         "/lib/systemd/systemd-journal-remote", "--listen-http=127.0.0.1:19532",
         f"--output={REMOTE}", "--split-mode=host"]
    )  # fmt: skip
    until(lambda: "19532" in sandbox.sh("ss -ltn"))
    sandbox.run(
        ["systemd-run", "--quiet", "--unit=upload", "/lib/systemd/systemd-journal-upload",
         "--url=http://127.0.0.1:19532", "--save-state=/run/upload.state"]
    )  # fmt: skip
    yield
    sandbox.run(["systemctl", "stop", "upload.service", "collect.service"])
    sandbox.sh(f"rm -r {REMOTE} /run/upload.state; apt-get purge -q -y systemd-journal-remote")


def test_what_was_collected_is_found_and_verified(sandbox: Sandbox, collecting: None) -> None:
    job = run(sandbox, "echo 'é collected'; exit 3").details["id"]
    there = f"journalctl --file={COLLECTED} AIOS_ID={job} AIOS_EVENT=finished -o cat || true"
    assert "status 3" in until(lambda: sandbox.sh(there))
    decided = f"journalctl --file={COLLECTED} AIOS_MACHINE=aios AIOS_DECISION=auto_allow -o json"
    assert job in sandbox.sh(decided)
    assert '"findings": []' in sandbox.sh(CHECK)
    # One record taken out on its way, or there.
    taken = f"grep -v '{job}.*decided\\|decided.*{job}'"
    without = CHECK.replace(" | ", f" | {taken} | ", 1)
    tampered = sandbox.run(["sh", "-c", without], check=False)
    assert tampered.returncode == 1 and '"removed"' in tampered.stdout
