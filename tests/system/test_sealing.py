"""What journald's own sealing adds to the chain, where it is set up (journalctl --setup-keys)."""

from collections.abc import Iterator

import pytest
from governed import run, until
from sandbox import Sandbox

# A log that no record says anything about: the chain cannot know.
TAMPER = """
import sys
from pathlib import Path
path = Path(sys.argv[1])
data = bytearray(path.read_bytes())
place = data.index(b"MESSAGE=sealed word")
data[place + 15 : place + 19] = b"evil"
with path.open("r+b") as file:
    file.write(data)
"""


@pytest.fixture
def key(sandbox: Sandbox) -> Iterator[str]:
    """journald seals from its next file on."""
    key = sandbox.sh("journalctl --setup-keys --interval=2s --force 2>/dev/null")
    sandbox.run(["journalctl", "--rotate"])
    yield key
    sandbox.sh("rm /var/log/journal/$(cat /etc/machine-id)/fss; journalctl --rotate")


def test_seals_are_checked_with_the_key(sandbox: Sandbox, key: str) -> None:
    run(sandbox, "echo sealed")
    # Other tests forge records, of machines that are not.
    chain = ["aios", "log", "verify", "--machine", "aios"]
    verify = [*chain, "--verify-key", key]

    def sealed() -> bool:
        """From the second interval on."""
        sandbox.sh("logger --tag=test 'sealed word'; journalctl --sync")
        return "Validated from" in sandbox.run(verify).stderr

    until(sealed)
    assert "--verify-key=KEY checks the seals" in sandbox.run(chain).stderr
    sandbox.run(["journalctl", "--rotate"])
    file = sandbox.sh("ls -t /var/log/journal/$(cat /etc/machine-id)/system@*.journal | head -n 1")
    sandbox.run(["cp", "-a", file, "/root/sealed.journal"])
    try:
        sandbox.python(TAMPER, file)
        assert sandbox.run(chain, check=False).returncode == 0
        changed = sandbox.run(verify, check=False)
        assert changed.returncode == 1 and file in changed.stdout + changed.stderr
    finally:
        sandbox.run(["mv", "/root/sealed.journal", file])
    assert sandbox.run(verify, check=False).returncode == 0
