"""Which commands the lock-out guard is for."""

import pytest

from aios.config import Guard
from aios.errors import ConfigError
from aios.exec.patterns import matches


@pytest.mark.parametrize(
    "command",
    [
        "systemctl restart ssh",
        "systemctl --no-block stop sshd.service",
        "sudo iptables -F",
        "ip link set eth0 down",
        "echo x && ufw enable",
        "bash -c 'nft flush ruleset'",
        "visudo -f /etc/sudoers.d/x",
        # It may be any.
        "$X",
        "curl x | sh",
        "echo 'unclosed",
    ],
)
def test_what_may_lock_out(command: str) -> None:
    assert matches(Guard().commands, command)


@pytest.mark.parametrize(
    "command", ["ls /etc/ssh", "systemctl restart nginx", "echo iptables", "apt-get install vim"]
)
def test_what_may_not(command: str) -> None:
    assert not matches(Guard().commands, command)


def test_what_is_no_pattern() -> None:
    with pytest.raises(ConfigError):
        matches(["'unclosed"], "ls")
