"""What an uninstallation leaves of the first command on a bare host. tests/system/test_cycle.py
compares the files.

Last of all here: the other tests need aios.
"""

from host import Host


def test_it_goes(host: Host) -> None:
    said = host.aios_install("--uninstall", "--purge", "--yes").stderr
    assert "aios: aios is uninstalled" in said
    # The distribution's package stays.
    assert host.accounts() - host.before <= {"polkitd"}


def test_nothing_runs(host: Host) -> None:
    assert host.run("systemctl list-units --all --quiet --plain 'aios*' '*nspawn@*'").stdout == ""
    assert host.run("systemctl list-unit-files --quiet 'aios*' || true").stdout == ""
    assert host.run("busctl list --acquired --activatable | grep org.aios || true").stdout == ""
    assert host.run("machinectl --no-legend list; ls /run | grep aios || true").stdout == ""
    assert host.run("systemctl --failed --no-legend --plain").stdout == ""
