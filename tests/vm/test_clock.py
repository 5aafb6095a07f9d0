"""The clock set back a day, where it is a machine's own to set: nobody has more time for it, and
the record goes on.
"""

import json
from collections.abc import Iterator

import pytest
from virtual_machine import CACHE, CHECKOUT, VirtualMachine

pytestmark = pytest.mark.long

SETTINGS = "[policy]\napproval_timeout = 60\n"
EXEC1 = "org.aios.Exec1._2ehost /org/aios/Exec1 org.aios.Exec1"
ASKED = "rm -f /root/late; touch /root/late"
WAIT = f"busctl --timeout=600 call {EXEC1} Run 'sa{{sv}}' '{ASKED}' 0 >/root/said 2>&1"


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    release = request.config.getoption("--release") or "bookworm"
    with VirtualMachine(release) as machine:
        machine.unpack()
        machine.run(
            f"cd {CHECKOUT} && AIOS_CACHE={CACHE} AIOS_MACHINE_TREE=$(echo {CACHE}/trees/machine-*)"
            " ./aios-install.sh"
        )
        machine.run(f"mkdir -p /etc/aios/config.d; printf '{SETTINGS}' >/etc/aios/config.d/50.toml")
        yield machine


def pending(host: VirtualMachine) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(host.run("aios approvals --json").stdout)
    return found


def test_the_clock_is_set_back_a_day(host: VirtualMachine) -> None:
    before = "aios exec -m .host -- echo before"
    assert host.run(before).stdout == "before\n"
    host.run(f'systemd-run --unit=waiting sh -c "{WAIT}"')
    while not pending(host):
        pass  # each call takes its time
    host.run("date -s '1 day ago'")
    assert host.run("aios exec -m .host -- echo yesterday").stdout == "yesterday\n"
    # Of which a minute is left, whatever the clock says.
    host.run(
        "pid=$(systemctl show -P MainPID waiting); [ $pid = 0 ] || tail --pid=$pid -f /dev/null",
        timeout=300,
    )
    assert "nobody approved it in time" in host.run("cat /root/said").stdout
    assert pending(host) == []
    assert host.run("test -e /root/late", check=False).status == 1
    # An exec that was killed takes the chain from the journal.
    host.run("systemctl kill -s KILL aios-exec@.host.service")
    assert host.run("aios exec -m .host -- echo again").stdout == "again\n"
    verified = host.run("aios log verify --json -m .host", check=False).stdout
    assert [report["findings"] for report in json.loads(verified)] == [[]]
    assert "again" in host.run("aios log --json -n 1").stdout
