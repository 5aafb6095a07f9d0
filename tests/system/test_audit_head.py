"""The chain of records over kills and power losses: neither a gap nor a fork."""

import itertools
import json

from governed import kill_exec, run, whole_record
from sandbox import Sandbox

HEAD = "/var/lib/aios/exec/aios/audit-head.json"


def test_the_chain_goes_on(sandbox: Sandbox) -> None:
    run(sandbox, "true")
    before = int(whole_record(sandbox)[-1]["AIOS_SEQUENCE"])
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
    found = whole_record(sandbox)
    assert int(found[-1]["AIOS_SEQUENCE"]) >= before + 4 * 5
    for one, following in itertools.pairwise(found):
        assert int(following["AIOS_SEQUENCE"]) == int(one["AIOS_SEQUENCE"]) + 1
        assert following["AIOS_PREVIOUS"] == one["AIOS_HASH"]
