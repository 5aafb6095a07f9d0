"""A machine with a network of its own, on a host whose networkd serves it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from governed import until
from machines import aios, show
from sandbox import Sandbox

pytestmark = pytest.mark.long
FORWARDS = Path("/proc/sys/net/ipv4/ip_forward")
NAME = "veth-one"
NETWORKD = "systemd-networkd.service systemd-networkd.socket"


@pytest.fixture(scope="module")
def machine(sandbox: Sandbox) -> Iterator[str]:
    """The sandbox shares this host's network; what networkd would set for it, /proc/sys there does
    not let it."""
    forwards = FORWARDS.read_text()
    FORWARDS.write_text("1")
    sandbox.sh(f"systemctl start {NETWORKD}")
    try:
        aios(sandbox, "create", NAME)
        aios(sandbox, "start", NAME)
        sandbox.wait_machine(NAME)
        yield NAME
        aios(sandbox, "remove", "--yes", "--force", NAME)
    finally:
        sandbox.sh(f"systemctl stop {NETWORKD}")
        FORWARDS.write_text(forwards)


def test_it_is_what_a_served_host_gives(sandbox: Sandbox, machine: str) -> None:
    addresses = until(lambda: show(sandbox, machine)["addresses"])
    links = json.loads(sandbox.machine(["ip", "-j", "address"], name=machine).stdout)
    own = {one["local"] for link in links for one in link["addr_info"] if link["ifname"] == "host0"}
    assert set(addresses) <= own
    assert {link["ifname"] for link in links} == {"lo", "host0"}


def test_names_and_packages(sandbox: Sandbox, machine: str) -> None:
    until(lambda: "default via" in sandbox.machine(["ip", "route"], name=machine).stdout)
    done = sandbox.run(["aios", "exec", "-m", machine, "--", "apt-get install -y -q hello"],
                       user="me", timeout=120)  # fmt: skip
    assert "Setting up hello" in done.stdout


def test_none_is_none(sandbox: Sandbox) -> None:
    aios(sandbox, "create", "veth-none", "--network", "none")
    aios(sandbox, "start", "veth-none")
    links = json.loads(sandbox.machine(["ip", "-j", "link"], name="veth-none").stdout)
    assert [link["ifname"] for link in links] == ["lo"]
    ran = sandbox.run(["aios", "exec", "-m", "veth-none", "--", "echo on"], user="me")
    assert ran.stdout == "on\n"
    aios(sandbox, "remove", "--yes", "--force", "veth-none")
