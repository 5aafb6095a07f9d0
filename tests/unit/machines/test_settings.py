"""The .nspawn file of a new machine."""

from pathlib import Path

import pytest

from aios.machines.settings import Network, settings

TEMPLATE = Path(__file__).parents[3] / "cfg/nspawn/aios.nspawn"


def lines(*, network: Network, private_users: bool = True, resolved: bool = False) -> list[str]:
    text = settings(
        network=network, private_users=private_users, resolved=resolved, template=TEMPLATE
    )
    return [line for line in text.splitlines() if "=" in line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("network", "resolved", "wanted"),
    [
        (Network.HOST, False, ["copy-host", "no", "no"]),
        (Network.HOST, True, ["copy-host", "no", "no"]),
        (Network.VETH, False, ["copy-host", "yes", "yes"]),
        # resolved's stub would be the machine's own loopback.
        (Network.VETH, True, ["copy-uplink", "yes", "yes"]),
        (Network.NONE, True, ["off", "yes", "no"]),
    ],
)
def test_each_network(network: Network, resolved: bool, wanted: list[str]) -> None:
    resolv, private, veth = wanted
    assert lines(network=network, resolved=resolved) == [
        "PrivateUsers=pick", f"ResolvConf={resolv}", "NotifyReady=yes",
        f"Private={private}", f"VirtualEthernet={veth}",
    ]  # fmt: skip


def test_users_of_the_host() -> None:
    assert lines(network=Network.HOST, private_users=False)[0] == "PrivateUsers=no"
    own = TEMPLATE.read_text().splitlines()
    text = settings(network=Network.VETH, private_users=True, resolved=True, template=TEMPLATE)
    assert len(text.splitlines()) == len(own)
    assert [line for line in text.splitlines() if line.startswith(("#", "["))] == [
        line for line in own if line.startswith(("#", "["))
    ]
