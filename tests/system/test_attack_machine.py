"""Root of a machine, with all that a machine has, against another machine, the policy, approvals,
other people's memory and the host."""

import json
from collections.abc import Iterator

import pytest
from governed import asking, chain, requests, run
from sandbox import Sandbox

pytestmark = pytest.mark.system

OTHER = "aios-other"

# Connects, calls with `more`, and tells the first answer; or why there is none.
CALL = """
import json, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(30)
try:
    peer.connect(sys.argv[1])
    call = {"method": sys.argv[2], "parameters": json.loads(sys.argv[3]), "more": True}
    peer.sendall(json.dumps(call).encode() + b"\\0")
    answer = b""
    while b"\\0" not in answer:
        part = peer.recv(1 << 20)
        if not part:
            break
        answer += part
    print(answer.split(b"\\0")[0].decode() or "{}")
except OSError as error:
    print(json.dumps({"errno": error.strerror}))
"""


def call(sandbox: Sandbox, path: str, method: str, **parameters: object) -> dict[str, object]:
    argv = ["python3", "-I", "-c", CALL, path, method, json.dumps(parameters)]
    return dict(json.loads(sandbox.machine(argv).stdout))


@pytest.fixture(scope="module")
def request_of_me(sandbox: Sandbox) -> Iterator[str]:
    """For this very machine."""
    with asking(sandbox, "rm -f /var/tmp/asked-on-the-host") as request:
        yield request


def test_approvals_of_the_host_are_out_of_reach(sandbox: Sandbox, request_of_me: str) -> None:
    policy = "/run/aios/policy.sock"
    for method, parameters in (
        ("Approve", {"id": request_of_me}),
        ("Approve", {"id": request_of_me, "options": {"grant": "session"}}),
        ("Reject", {"id": request_of_me, "reason": "x"}),
        ("Withdraw", {"id": request_of_me}),
    ):
        said = call(sandbox, policy, f"org.aios.Policy1.{method}", **parameters)
        assert said["error"] in ("org.aios.Error.NotFound", "org.aios.Error.NotAuthorized"), said
        assert "asked-on-the-host" not in json.dumps(said)
    for method in ("ListPending", "WatchApprovals"):
        shown = json.dumps(call(sandbox, policy, f"org.aios.Policy1.{method}")["parameters"])
        assert request_of_me not in shown and "asked-on-the-host" not in shown
    assert request_of_me in requests(sandbox).values()


def test_other_machines_and_the_host_are_not_its_to_ask_for(sandbox: Sandbox) -> None:
    for machine in (OTHER, ".host", "../aios"):
        for path, method, parameters in (
            ("policy", "Policy1.Delegate", {"session": "s", "machine": machine}),
            ("policy", "Policy1.Check", {"command": "ls", "machine": machine}),
            ("chat", "Chat1.Open", {"machine": machine}),
            ("chat", "Chat1.Ask", {"machine": machine, "prompt": "!id"}),
            ("chat", "Chat1.Plan", {"machine": machine, "prompt": "show disks"}),
            ("memory", "Memory1.Attach", {"machine": machine}),
            ("memory", "Memory1.Detach", {"machine": machine}),
        ):
            said = call(sandbox, f"/run/aios/{path}.sock", f"org.aios.{method}", **parameters)
            assert said.get("error") == "org.aios.Error.NotAuthorized", (machine, method, said)


def test_the_policy_is_not_its_to_change(sandbox: Sandbox) -> None:
    rules = '[permissions]\nauto_allow = ["rm -rf*"]\n'
    for method, parameters in (
        ("SetUserRules", {"toml": rules}),
        ("ReloadConfig", {}),
        ("Authorize", {"command": "id", "machine": "aios"}),
        ("Redeem", {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
        ("DescribeDelegation", {"delegation": "x"}),
    ):
        said = call(sandbox, "/run/aios/policy.sock", f"org.aios.Policy1.{method}", **parameters)
        assert said.get("error") == "org.aios.Error.NotAuthorized", (method, said)
    servers = {"json": '{"mcpServers": {"x": {"command": "id"}}}'}
    said = call(sandbox, "/run/aios/chat.sock", "org.aios.Chat1.SetUserServers", **servers)
    assert said.get("error") == "org.aios.Error.NotAuthorized"
    # What policy reads is not in there, and what is bound cannot be changed from in there.
    for path in ("/usr/lib/aios/client/aios/__init__.py", "/run/aios/policy.sock",
                 "/etc/profile.d/aios.sh", "/root/.config/syui/ai/gpt/memory.db"):  # fmt: skip
        # Not its size and times: the host writes the memory meanwhile.
        before = sandbox.machine(["stat", "-c", "%i %a %U", path]).stdout
        for attempt in (f"echo x >> {path}", f"rm -f {path}", f"mv {path} {path}.x",
                        f"chmod 0777 {path}", f"mount -o remount,rw,bind {path}",
                        f"chattr -i {path}"):  # fmt: skip
            assert sandbox.machine(["sh", "-c", attempt], check=False).returncode, attempt
        assert sandbox.machine(["stat", "-c", "%i %a %U", path]).stdout == before


def test_what_was_done_is_told_to_who_did_it(sandbox: Sandbox) -> None:
    run(sandbox, "echo done-by-me-on-the-host")
    memory = "/run/aios/memory.sock"
    for asked in ({}, {"everyone": True}):
        said = call(sandbox, memory, "org.aios.Memory1.History", filter=asked)
        assert "done-by-me-on-the-host" not in json.dumps(said)
    said = call(sandbox, memory, "org.aios.Memory1.Export", options={"everyone": True})
    assert said.get("error") == "org.aios.Error.NotAuthorized"
    forged = {"kind": "command", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "command": "x",
    "machine": OTHER,
              "uid": 0, "user": "root", "started_at": "2025-01-01T00:00:00Z"}  # fmt: skip
    for method, parameters in (
        ("Import", {"records": [forged]}),
        ("Record", {"event": {key: value for key, value in forged.items() if key != "kind"}}),
        ("Restore", {"backup": ""}),
        ("Backup", {}),
        ("Forget", {"filter": {"everything": True, "everyone": True}}),
        ("Forget", {"filter": {"user": "me", "everything": True}}),
    ):
        said = call(sandbox, memory, f"org.aios.Memory1.{method}", **parameters)
        assert said.get("error") == "org.aios.Error.NotAuthorized", (method, said)


# Each says EVADED where it got out.
HOST = {
    "sockets": "ls /run/aios/exec /run/aios/machine 2>/dev/null && echo EVADED;"
    " for s in /run/aios/*; do case $s in *chat.sock|*policy.sock|*memory.sock|*aigpt.sock"
    "|*machines.sock) ;; *) echo EVADED $s;; esac; done; touch /run/aios/x && echo EVADED",
    "host-processes": "[ $(ps -e -o comm= | grep -c aios-policy) = 0 ] || echo EVADED;"
    " ls -d /proc/[0-9]*/root/var/lib/machines/aios 2>/dev/null && echo EVADED",
    "settings": "ls /etc/systemd/nspawn/*.nspawn /var/lib/aios /etc/aios 2>/dev/null"
    " && echo EVADED",
    "journal": "journalctl -D /var/log/journal -u 'aios-exec@*' -o cat | grep -q . && echo EVADED",
    "bus": "busctl list | grep org.aios && echo EVADED;"
    " busctl call org.aios.Policy1 /org/aios/Policy1 org.aios.Policy1 ListPending && echo EVADED",
    "machines": "machinectl list --no-legend | grep -q . && echo EVADED;"
    " systemctl -M .host is-system-running 2>/dev/null | grep -q EVADED",
    "cgroup": "echo $$ > /sys/fs/cgroup/../../cgroup.procs; cat /proc/self/cgroup | grep -v '^0::/'"
    " | grep nspawn && echo EVADED",
    "devices": "mknod /root/sda b 8 0 && dd if=/root/sda bs=1 count=1 && echo EVADED;"
    " mknod /root/mem c 1 1 && dd if=/root/mem bs=1 count=1 && echo EVADED",
    "kernel": "echo x > /proc/sys/kernel/core_pattern && echo EVADED;"
    " echo b > /proc/sysrq-trigger && echo EVADED; insmod /nothing 2>&1 | grep -q 'not permitted'"
    " || ! command -v insmod >/dev/null || echo EVADED",
    "above-root": "chroot /proc/1/root ls /var/lib/machines/aios 2>/dev/null && echo EVADED;"
    " ls /run/aios/../../var/lib/machines/aios 2>/dev/null && echo EVADED",
    "memory-directory": "touch /root/.config/syui/ai/gpt/x && echo EVADED;"
    " ls /root/.config/syui/ai/gpt/../memory-backup 2>/dev/null && echo EVADED;"
    " python3 -I -c 'import sqlite3; sqlite3.connect("
    '"/root/.config/syui/ai/gpt/memory.db").execute("DELETE FROM memories")\' && echo EVADED',
}


@pytest.mark.parametrize("evasion", HOST)
def test_root_of_a_machine_stays_in_it(sandbox: Sandbox, evasion: str) -> None:
    done = sandbox.machine(["sh", "-c", HOST[evasion]], check=False)
    assert "EVADED" not in done.stdout, done


def test_what_it_logs_is_no_record(sandbox: Sandbox) -> None:
    """Its journal is its own, and what it is told to print is not in the host's as exec's."""
    job = run(sandbox, "echo real").details["id"]
    fields = f"AIOS_ID={job}\\nAIOS_EVENT=finished\\nMESSAGE=forged\\n"
    fields += "_SYSTEMD_UNIT=aios-exec@aios.service"
    sandbox.machine(["sh", "-c", f"printf '{fields}\\n' | logger --journald; printf '{fields}' |"
                     " systemd-cat -t aios-exec@aios"])  # fmt: skip
    records = chain(sandbox, job)
    assert [record["AIOS_EVENT"] for record in records] == [
        "requested", "decided", "started", "finished",
    ]  # fmt: skip
    assert all(record["MESSAGE"] != "forged" for record in records)


def test_a_person_in_it_is_that_machines(sandbox: Sandbox, request_of_me: str) -> None:
    """Who may not use aios in there may not, whatever they connect to."""
    sandbox.machine(["sh", "-c", "id intruder >/dev/null 2>&1 || useradd intruder"])
    for path, method in (
        ("policy", "Policy1.ListPending"), ("policy", "Policy1.WatchApprovals"),
        ("chat", "Chat1.Sessions"), ("memory", "Memory1.Stats"), ("memory", "Memory1.List"),
    ):  # fmt: skip
        argv = ["python3", "-I", "-c", CALL, f"/run/aios/{path}.sock", f"org.aios.{method}", "{}"]
        said = json.loads(sandbox.run(argv, machine="aios", user="intruder").stdout)
        assert said.get("error") == "org.aios.Error.NotAuthorized", (method, said)
