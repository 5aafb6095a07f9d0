"""kill -9 of each service at random moments, under load: what is promised of aios holds."""

import collections
import json
import os
import random

import pytest
from faults import verified
from governed import owed, run, units, until
from load import appending, kill_under_load, made, recorded
from sandbox import Sandbox

from aios.ids import new_id

SERVICES = ["aios-exec@aios", "aios-policy", "aios-memory", "aios-chat", "aios-machine"]
STARTED = {"requested", "decided", "started"}
NAMED = "org.aios.Error."
PROGRAMS = {"chat", "exec_", "machines"}
ENDS = {0, 1, 3, 125}
"""Of a client as a program: it ran; the answer failed; nobody approved; aios itself failed."""
KEPT = """
import json, sqlite3, sys
db = sqlite3.connect("file:/var/lib/aios/memory/memory.db?mode=ro", uri=True)
rows = db.execute("SELECT content FROM memories WHERE content LIKE ?", (f"{sys.argv[1]} %",))
print(json.dumps([row[0].split()[1] for row in rows]))
"""


def seed_of_this_run() -> str:
    return os.environ.get("AIOS_TEST_SEED") or str(random.SystemRandom().randrange(10**6))


@pytest.mark.usefixtures("nothing_waits")
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_nothing_is_lost_and_nothing_runs_twice(
    sandbox: Sandbox, kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    there = sandbox.sh("cd /lib/systemd/system && ls aios-*.service")
    services = [each for each in SERVICES if f"{each.replace('@aios', '@')}.service" in there]
    seed, mark = seed_of_this_run(), new_id()
    with capsys.disabled():
        print(f"\nAIOS_TEST_SEED={seed}")
    with appending(sandbox):
        killed, told = kill_under_load(sandbox, mark, services, seed=seed, kills=kills)
        # What was asked of a service that was killed last.
        until(lambda: run(sandbox, "echo settled").stdout == "settled\n", 60)
    outcomes = collections.Counter(f"{kind} {outcome}" for kind, _, outcome, _ in told)
    with capsys.disabled():
        print(f"{killed}; {dict(sorted(outcomes.items()))}")

    # Everybody was answered, or told clearly why not.
    for kind, name, outcome, more in told:
        said = more and more.get("said", "")
        assert "Traceback" not in str(more), (name, more)
        if isinstance(outcome, str):
            assert outcome.startswith(NAMED) and said, (name, outcome, more)
            assert "does not answer" not in said, (name, more)
        else:
            assert outcome in ENDS, (name, outcome, more)
            assert outcome == 0 or (kind in PROGRAMS and said), (name, outcome, more)
        if more and "refused" in more:
            assert more["refused"].startswith(NAMED), (name, more)

    until(lambda: owed(sandbox) == "", 60)
    ran, records = made(sandbox), recorded(sandbox, mark)
    assert len(ran) > kills // 4  # of a machine that is busy with other things
    assert len(ran) == len(set(ran)), "one ran twice"
    for name in ran:
        assert set(records[name]) >= STARTED, (name, records.get(name))
    for name, seen in records.items():
        assert len(seen) == len(set(seen)), (name, seen)
    commands = [each for each in told if each[0] not in ("memory", "machines")]
    assert {name for _, name, outcome, _ in commands if outcome == 0} <= set(ran)

    # What was acknowledged is there.
    remembered = json.loads(sandbox.python(KEPT, mark))
    assert len(remembered) == len(set(remembered))
    assert {name for kind, name, outcome, _ in told if (kind, outcome) == ("memory", 0)} <= set(
        remembered
    )
    for _, name, outcome, more in told:
        if more and "acknowledged" in more:
            request = json.loads(sandbox.sh(f"cat /var/lib/aios/policy/requests/{more['id']}.json"))
            assert request["state"] == "approved", (name, outcome, request)

    # And so is aios.
    verified(sandbox)
    assert sandbox.sh("systemctl list-units --failed --plain --no-legend 'aios-*'") == ""
    assert sandbox.run(["aios", "what did I just run?"], user="me").stdout
    assert sandbox.run(["aios", "approvals", "--json"], user="me").stdout == "[]\n"
    until(lambda: units(sandbox) == "")
    until(lambda: sandbox.sh("systemctl show -P NFileDescriptorStore aios-exec@aios") == "0")
