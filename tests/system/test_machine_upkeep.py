"""What machines are made of is of now, and they are brought up to date."""

import json
import re
from collections.abc import Iterator

import pytest
from machines import aios, listed
from sandbox import Sandbox


@pytest.fixture
def base(sandbox: Sandbox) -> Iterator[str]:
    """The link to this host's base tree, which is put back."""
    link = sandbox.sh("echo /var/cache/aios/trees/base-*")
    tree = sandbox.sh(f"readlink {link}")
    yield link
    sandbox.sh(f"ln -sfn {tree} {link}")


def test_an_old_base_tree(sandbox: Sandbox, small: str, base: str) -> None:
    """It is built anew; where that is not possible it is taken as it is, and that is said."""
    sandbox.sh(f"""
        touch -d '8 days ago' /var/lib/machines/{small}/etc/machine-id
        ln -sfn /var/lib/machines/{small} {base}""")
    about = json.loads(aios(sandbox, "create", "small-old", "--json").stdout)
    assert about["os"] == "Small 1"
    assert about["stale"].startswith("of 8 days ago, and no new one: there is no mmdebstrap here")
    asked = aios(sandbox, "create", "small-now", "--refresh", check=False)
    assert (asked.returncode, "no mmdebstrap here" in asked.stderr) == (125, True)
    assert "small-now" not in listed(sandbox)
    assert sandbox.sh("systemctl --failed --no-legend --plain") == ""
    sandbox.sh(f"touch /var/lib/machines/{small}/etc/machine-id")
    assert "stale" not in json.loads(aios(sandbox, "create", "small-new", "--json").stdout)


@pytest.mark.long
def test_a_base_tree_of_now(sandbox: Sandbox, small: str, base: str) -> None:
    """An old one, and then one that is not old."""
    sandbox.run(["apt-get", "install", "-y", "-q", "mmdebstrap"], timeout=300)
    sandbox.sh(f"""
        touch -d '8 days ago' /var/lib/machines/{small}/etc/machine-id
        ln -sfn /var/lib/machines/{small} {base}""")
    try:
        about = json.loads(aios(sandbox, "create", "anew", "--json", timeout=600).stdout)
        tree = sandbox.sh(f"readlink {base}")
        assert "stale" not in about
        assert tree.startswith("/var/cache/aios/trees/machine-")
        aios(sandbox, "start", "anew")
        sandbox.run(["aios", "exec", "-m", "anew", "--", "true"], user="me")
        inode = sandbox.sh(f"stat -c %i {tree}")
        aios(sandbox, "create", "small-too")
        assert sandbox.sh(f"stat -c %i {tree}") == inode
        aios(sandbox, "create", "small-three", "--refresh", timeout=600)
        assert sandbox.sh(f"stat -c %i {tree}") != inode
        assert not re.search(r"\.(new|old)$", sandbox.sh("ls /var/cache/aios/trees"), re.MULTILINE)
    finally:
        aios(sandbox, "remove", "--yes", "--force", "anew", check=False)
        sandbox.run(["apt-get", "remove", "-y", "-q", "mmdebstrap"], timeout=120)
        sandbox.sh("rm -rf /var/cache/aios/trees/machine-*")


@pytest.mark.long
def test_an_update(sandbox: Sandbox) -> None:
    """A snapshot, then a command as any other."""
    made = "updated"
    aios(sandbox, "create", made)
    aios(sandbox, "start", made)
    for _ in range(2):
        done = aios(sandbox, "update", made, "--keep", "1", timeout=600)
        assert "newly installed" in done.stdout
    rows = json.loads(sandbox.run(["aios", "history", "--json"], user="me").stdout)
    assert "apt-get upgrade -y" in json.dumps(rows)
    (kept,) = json.loads(aios(sandbox, "snapshots", made, "--json").stdout)
    assert (kept["name"], kept["moment"]) == ("before-update", "frozen")
    assert f"aios machine restore {made} {kept['id']} --stop" in done.stderr
    aios(sandbox, "snapshots", made, "--yes", "--remove", kept["id"])
    aios(sandbox, "stop", made)
    stopped = aios(sandbox, "update", made, check=False)
    assert (stopped.returncode, f"aios machine start {made}" in stopped.stderr) == (125, True)
    assert json.loads(aios(sandbox, "snapshots", made, "--json").stdout) == []
    aios(sandbox, "remove", "--yes", made)
