"""A machine's .nspawn file, from the template. What aios itself needs in it is written by
aios-attach@."""

import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

TEMPLATE = Path("/usr/share/aios/aios.nspawn")


class Network(StrEnum):
    VETH = "veth"
    """A network of its own, up through the host's networkd."""
    HOST = "host"
    NONE = "none"


_NETWORK = {Network.VETH: ("yes", "yes"), Network.HOST: ("no", "no"), Network.NONE: ("yes", "no")}
_LINE = re.compile(r"^(\w+)=.*$", re.MULTILINE)


def settings(
    *, network: Network, private_users: bool, resolved: bool, template: Path = TEMPLATE
) -> str:
    """resolved: systemd-resolved runs on the host. The template's other lines stay."""
    private, veth = _NETWORK[network]
    chosen = {
        "PrivateUsers": "pick" if private_users else "no",
        "ResolvConf": _resolv(network, resolved=resolved),
        "Private": private,
        "VirtualEthernet": veth,
    }

    def line(found: re.Match[str]) -> str:
        return f"{found[1]}={chosen[found[1]]}" if found[1] in chosen else found[0]

    return _LINE.sub(line, template.read_text())


def _resolv(network: Network, *, resolved: bool) -> str:
    """How its names are found. resolved's stub is on the host's loopback: it answers only who
    shares that."""
    if network is Network.NONE:
        return "off"
    return "copy-uplink" if resolved and network is Network.VETH else "copy-host"


def main() -> int:
    """For the installer: a machine's that is there already, and has none."""
    served, resolved = (_active(f"systemd-{name}.service") for name in ("networkd", "resolved"))
    network = Network.VETH if served else Network.HOST
    sys.stdout.write(settings(network=network, private_users=True, resolved=resolved))
    return 0


def _active(unit: str) -> bool:
    return not subprocess.run(["systemctl", "--quiet", "is-active", unit], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
