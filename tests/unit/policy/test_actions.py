"""What commands mean for the history."""

import pytest

from aios.policy.actions import Action, actions


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("apt-get install -y tree", [("install", ("tree",))]),
        ("sudo env X=1 apt-get -y install tree htop", [("install", ("tree", "htop"))]),
        ("bash -c 'apt remove tree'", [("remove", ("tree",))]),
        ("apt-get update && apt-get -y upgrade", [("refresh", ()), ("upgrade", ())]),
        ("apt-get install -t stable tree", [("install", ("tree",))]),
        ("pacman -S --noconfirm vim", [("install", ("vim",))]),
        ("pacman -Rns vim", [("remove", ("vim",))]),
        ("pacman -Syu", [("upgrade", ())]),
        ("pacman -Ss vim", []),
        ("dnf -y remove vim", [("remove", ("vim",))]),
        ("dpkg -i ./x.deb", [("install", ("./x.deb",))]),
        ("systemctl restart nginx.service", [("service-restart", ("nginx",))]),
        ("systemctl status nginx", []),
        ("service nginx stop", [("service-stop", ("nginx",))]),
        ("cat /etc/hosts", [("read", ("/etc/hosts",))]),
        ("echo x > /etc/y", [("write", ("/etc/y",))]),
        ("ls 2>/dev/null", [("read", ())]),
        ("echo apt-get install tree", []),
        ("'unfinished", []),
    ],
)
def test_actions(command: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert list(actions(command)) == [Action(*each) for each in expected]
