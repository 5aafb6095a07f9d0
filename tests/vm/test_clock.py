"""The clock set back a day, where it is a machine's own to set: nobody has more time for it, and
the record goes on.
"""

import json
from collections.abc import Iterator

import pytest
from host import Host

pytestmark = pytest.mark.long

# host_is_machine: `echo` needs no approval on .host either, `rm` does.
SETTINGS = "[policy]\napproval_timeout = 60\n[permissions]\nhost_is_machine = true\n"
CONFIG = "/etc/aios/config.d/50-tests.toml"
AGAIN = "systemctl stop aios-policy.service 'aios-exec@*.service'"
EXEC1 = "org.aios.Exec1._2ehost /org/aios/Exec1 org.aios.Exec1"
ASKED = "rm -f /root/late; touch /root/late"
WAIT = f"busctl --timeout=600 call {EXEC1} Run 'sa{{sv}}' '{ASKED}' 0 >/root/said 2>&1"


@pytest.fixture(scope="module", autouse=True)
def a_minute_to_approve(host: Host) -> Iterator[None]:
    host.run(f"printf '{SETTINGS}' >{CONFIG}; {AGAIN}")
    yield
    host.run(f"date -s '1 day'; rm {CONFIG}; {AGAIN}")


def pending(host: Host) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(host.run("aios approvals --json").stdout)
    return found


def test_the_clock_is_set_back_a_day(host: Host) -> None:
    before = "aios exec -m .host -- echo before"
    assert host.run(before).stdout == "before\n"
    host.run(f'systemd-run --collect --unit=waiting sh -c "{WAIT}"')
    while not pending(host):
        pass  # each call takes its time
    host.run("date -s '1 day ago'")
    assert host.run("aios exec -m .host -- echo yesterday").stdout == "yesterday\n"
    # Of which a minute is left, whatever the clock says.
    waiting = host.run("systemctl show -P MainPID waiting").stdout.strip()
    host.run(f"[ {waiting} = 0 ] || tail --pid={waiting} -f /dev/null")
    assert "nobody approved it in time" in host.run("cat /root/said").stdout
    assert pending(host) == []
    assert host.run("test -e /root/late", check=False).status == 1
    # An exec that was killed takes the chain from the journal.
    host.run("systemctl kill -s KILL aios-exec@.host.service")
    assert host.run("aios exec -m .host -- echo again").stdout == "again\n"
    verified = host.run("aios log verify --json -m .host", check=False).stdout
    assert [report["findings"] for report in json.loads(verified)] == [[]]
    assert "again" in host.run("aios log --json -n 1").stdout
