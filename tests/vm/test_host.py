"""Host mode: the README's first command, where systemd is PID 1."""

from host import Host


def test_the_first_command(host: Host) -> None:
    assert host.installed.stderr.splitlines()[-1] == "aios: aios is installed"
    assert host.run("systemctl --failed --no-legend --plain").stdout == ""
    assert host.run("systemctl is-active systemd-nspawn@aios.service").stdout == "active\n"


def test_it_answers(host: Host) -> None:
    said = host.run("printf 'show disk usage of /var\nwhat did I just run?\n' | aios").stdout
    assert "$ du -sh /var" in said
    assert "You just ran `du -sh /var`" in said


def test_scripts_reach_it(host: Host) -> None:
    status, out, err, _ = host.exec("uname -a; echo $HOME")
    assert (status, err) == (0, "")
    assert out.startswith("Linux aios ")
    assert host.run("aios exec -m aios -- uname -n").stdout == "aios\n"
