"""The chain of records over kills and power losses: neither a gap nor a fork."""

import itertools
import json

from governed import kill_exec, run
from sandbox import Sandbox

HEAD = "/var/lib/aios/exec/aios/audit-head.json"


def chain(sandbox: Sandbox) -> list[tuple[int, str, str]]:
    records = sandbox.journal("_SYSTEMD_UNIT=aios-exec@aios.service", "_UID=0")
    return [
        (int(record["AIOS_SEQUENCE"]), record["AIOS_PREVIOUS"], record["AIOS_HASH"])
        for record in records
        if "AIOS_HASH" in record
    ]


def test_the_chain_goes_on(sandbox: Sandbox) -> None:
    run(sandbox, "true")
    before = len(chain(sandbox))
    kill_exec(sandbox)
    run(sandbox, "true")
    # It left by itself: the file is the head.
    sandbox.run(["systemctl", "stop", "aios-exec@aios.service"])
    assert json.loads(sandbox.sh(f"cat {HEAD}"))["boot"]
    run(sandbox, "true")
    # As a power loss may leave the file.
    for left in ("", "{", json.dumps({"hash": "7" * 64, "sequence": 1, "boot": "other"})):
        sandbox.run(["systemctl", "stop", "aios-exec@aios.service"])
        sandbox.run(["tee", HEAD], input=left)
        run(sandbox, "true")
    records = chain(sandbox)
    assert len(records) >= before + 4 * 5
    for (number, _, last), (following, previous, _) in itertools.pairwise(records):
        assert (following, previous) == (number + 1, last)
