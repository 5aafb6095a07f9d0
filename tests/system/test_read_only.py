"""Profile `read-only`, tried as if the reader of commands had missed something: exec's own unit
with commands that policy would never let through. The machine is the same afterwards.
"""

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest
from governed import until
from sandbox import Sandbox

pytestmark = pytest.mark.system

# Runs argv[1] in the machine as exec does with its read-only profile.
RUN = """
import asyncio, json, sys
from aios import config
from aios.exec import profile
from aios.exec.limits import Limits
from aios.exec.link import Link
from aios.exec.output import Pipe
from aios.exec.spec import Spec, account, descriptors
from aios.exec.unit import Unit
from aios.ids import new_id

async def main(command):
    confined = profile.load(config.load().profiles)["read-only"]
    link = await Link.open("aios", int(sys.argv[2]))
    job = new_id()
    spec = Spec(command=command, profile=confined, account=account("aios", confined, 0), cwd="",
                env={}, limits=Limits(timeout_usec=10_000_000), scratch=f"run-aios-{job}")
    out, err = Pipe(100_000), Pipe(100_000)
    unit = Unit(link, job)
    await unit.start([*spec.properties(), *descriptors(None, out.write_end, err.write_end)])
    out.given(), err.given()
    result = await unit.wait()
    await asyncio.wait_for(asyncio.gather(out.drained(), err.drained()), 10)
    print(json.dumps({"status": result.status, "ended": str(result.ended),
                      "stdout": out.collector.text().text, "stderr": err.collector.text().text}))
    link.close()

asyncio.run(main(sys.argv[1]))
"""

# What there is: every file but what systemd and the journal keep about units that come and go, and
# the memory, which the host writes; who runs; what is active; what the kernel says of the machine.
MANIFEST = r"""
files() {
    find / \( -path /proc -o -path /sys -o -path /var/log/journal -o -path /run/log \
        -o -path /run/systemd -o -path /run/aios -o -path /run/dbus -o -path /dev/pts \
        -o -path /run/user -o -path /var/cache/apt -o -path /run/host \
        -o -path /root/.config/syui/ai/gpt \) -prune -o \
        -printf '%y %m %U:%G %s %T@ %l %p\n' |
        grep -vE ' (/run|/tmp|/var/tmp|/var/log|/home)$' | sort
}
files
ps -e -o pid=,user=,comm= | grep -vE ' (ps|sh|sort|sed|grep|find|systemd-run|systemctl)$'
systemctl list-units --plain --no-legend --state=active |
    sed 's/ .*//' | grep -vE '^run-|aios\.slice'
hostname; cat /etc/hostname /proc/sys/kernel/hostname
stat -c 'PID 1 since %Y' /proc/1
ip -o link | sed 's/ qlen.*//'; ip -o -4 addr | sed 's/valid_lft.*//'; ip route
cat /proc/mounts
cat /proc/sys/vm/swappiness /proc/sys/kernel/core_pattern
echo "booted on day $((($(date +%s) - $(cut -d. -f1 /proc/uptime)) / 86400))"
"""

SOCKETS = ("/run/docker.sock", "/run/systemd/resolve/io.systemd.Resolve")
HISTORY = "/home/ai/.local/state/aios/history"
AS_PYTHON = "python3 -I -c '{}'"


def python(code: str) -> str:
    assert "'" not in code
    return AS_PYTHON.format(dedent(code).strip())


def syscall(call: str) -> str:
    return python(f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
result = {call}
print("EVADED" if result >= 0 else os.strerror(ctypes.get_errno()))
""")


# Each says EVADED where it got through, if it can tell.
EVASIONS = {
    # Files
    "root": "echo x > /evaded && echo EVADED",
    "etc": "echo evil::0:0::/:/bin/sh >> /etc/passwd && echo EVADED",
    "usr": "cp /bin/true /usr/local/bin/ls && echo EVADED",
    "var": "echo x > /var/lib/evaded && echo EVADED",
    "own-bashrc": "echo evil >> ~/.bashrc && echo EVADED",
    "own-ssh": "mkdir -p ~/.ssh && echo key > ~/.ssh/authorized_keys && echo EVADED",
    "roots-home": "echo x > /root/evaded && echo EVADED",
    "tmp": "echo x > /tmp/evaded && echo EVADED; echo x > /var/tmp/evaded && echo EVADED",
    "shm": "echo x > /dev/shm/evaded && echo EVADED; echo x > /dev/mqueue/evaded && echo EVADED",
    "run": "echo x > /run/evaded && echo EVADED; echo x > /run/lock/evaded && echo EVADED",
    "remove": "rm -rf --no-preserve-root / 2>/dev/null; rm -f /etc/passwd && echo EVADED",
    "rename": "mv ~/.profile ~/.evaded && echo EVADED; ln -f ~/.profile ~/.evaded && echo EVADED",
    "mode": "chmod 777 /etc && echo EVADED; chmod 777 ~ && echo EVADED",
    "owner": "chown ai /etc/shadow && echo EVADED; chown :root ~ && echo EVADED",
    "times": "touch -d 1999-01-01 ~/.profile && echo EVADED",
    "through-init": "echo x > /proc/1/root/evaded && echo EVADED;"
    " echo x > /proc/1/cwd/evaded && echo EVADED",
    "file-handle": "exec 3< ~/.profile; echo x > /proc/self/fd/3 && echo EVADED",
    # Becoming somebody
    "su": "echo | su -c 'touch /evaded' && echo EVADED",
    "password": "echo ai:evil | chpasswd && echo EVADED",
    "own-setuid": "cp /bin/bash $TMPDIR/bash && chmod u+s $TMPDIR/bash && echo EVADED",
    "setuid-call": syscall("libc.setuid(0)"),
    "capability": python("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
# PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN
print("EVADED" if libc.prctl(47, 2, 21, 0, 0) == 0 else "no")
"""),
    "namespaces": "unshare -Urm sh -c 'mount -t tmpfs x /mnt && echo EVADED';"
    " unshare -Ur true && echo EVADED",
    # Processes
    "kill-init": "kill -9 1 && echo EVADED; kill -RTMIN+4 1 && echo EVADED",
    "kill-services": "for p in $(pgrep -u root,messagebus); do kill -9 $p && echo EVADED; done",
    # The user's own shell on the console, with its writable mounts.
    "through-own": "for p in $(pgrep -u ai); do [ $p = $$ ] ||"
    " { echo x > /proc/$p/root/home/ai/evaded; } 2>/dev/null && [ $p != $$ ] && echo EVADED;"
    " [ ! -e /proc/$p/root/etc ] || [ $p = $$ ] || echo EVADED; done",
    "into-own": python("""
import os
for process in os.listdir("/proc"):
    if process.isdigit() and int(process) != os.getpid() and int(process) != os.getppid():
        try:
            with open(f"/proc/{process}/mem", "r+b"):
                print("EVADED", process)
        except OSError:
            pass
"""),
    "trace": syscall("libc.ptrace(16, os.getppid(), 0, 0)"),
    "left-behind": "setsid nohup sleep 987 >/dev/null 2>&1 & (setsid sleep 987 &) & disown -a",
    "many": "for i in {1..400}; do sleep 600 & done 2>/dev/null; wait",
    # The kernel
    "mount": "mount -t tmpfs x /mnt && echo EVADED; mount --bind /tmp /etc && echo EVADED",
    "remount": "mount -o remount,rw / && echo EVADED; umount -l /usr && echo EVADED",
    "mount-call": syscall('libc.mount(b"none", b"/", b"", 32, b"")')
    + "; "
    + syscall('libc.syscall(442, -100, b"/", 0, b"" * 32, 32)'),
    "sysctl": "echo 1 > /proc/sys/vm/swappiness && echo EVADED;"
    " echo '|/bin/sh' > /proc/sys/kernel/core_pattern && echo EVADED",
    "sysrq": "echo b > /proc/sysrq-trigger && echo EVADED",
    "clock": "date -s 1999-01-01 && echo EVADED; "
    + python("import time; time.clock_settime(0, 1)"),
    "hostname": "echo evil > /proc/sys/kernel/hostname && echo EVADED; "
    + syscall('libc.sethostname(b"evil", 4)'),
    "keys": syscall('libc.syscall(248, b"user", b"evaded", b"x", 1, -4)'),
    "device": "mknod $TMPDIR/disk b 8 0 && echo EVADED; cat /dev/zero > /dev/mem && echo EVADED;"
    " for d in /dev/sd* /dev/vd* /dev/nvme*; do [ ! -w $d ] || echo EVADED; done",
    "cgroup": "echo $$ > /sys/fs/cgroup/cgroup.procs && echo EVADED;"
    " mkdir /sys/fs/cgroup/evaded && echo EVADED",
    "bpf": syscall("libc.syscall(321, 0, b'' * 72, 72)".replace("'", '"')),
    # The network
    "connect": "exec 3<>/dev/tcp/127.0.0.1/22 && echo EVADED;"
    " exec 4<>/dev/udp/192.0.2.1/53 && echo EVADED",
    "raw": python("""
import socket
for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW),
                     (socket.AF_INET6, socket.SOCK_DGRAM), (40, socket.SOCK_STREAM),
                     (38, socket.SOCK_SEQPACKET)):
    try:
        socket.socket(family, kind)
    except OSError:
        continue
    print("EVADED", family)
"""),
    "link": "ip link set lo down && echo EVADED; ip addr add 192.0.2.9/32 dev lo && echo EVADED",
    "sockets": "ss -K state connected 2>&1 | grep -q . || true; ip route add blackhole"
    " 192.0.2.0/24 && echo EVADED",
    # Services that would do it
    "systemctl": "systemctl stop systemd-journald.service && echo EVADED;"
    " systemctl start systemd-tmpfiles-clean.service && echo EVADED;"
    " systemctl daemon-reload && echo EVADED; systemctl set-environment A=evil && echo EVADED",
    "power": "systemctl poweroff && echo EVADED; systemctl --force --force reboot && echo EVADED;"
    " loginctl terminate-user root && echo EVADED",
    "transient": "systemd-run --wait touch /evaded && echo EVADED; busctl call"
    " org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
    " StopUnit ss dbus.service replace && echo EVADED",
    "own-manager": "export XDG_RUNTIME_DIR=/run/user/1000;"
    " systemctl --user set-environment A=evil && echo EVADED;"
    " [ ! -e /run/user/1000 ] || echo EVADED",
    "logind": "busctl call org.freedesktop.login1 /org/freedesktop/login1"
    " org.freedesktop.login1.Manager PowerOff b false && echo EVADED; busctl call"
    " org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"
    " SetWallMessage sb evil true && echo EVADED",
    "journal": "journalctl --vacuum-time=1s --rotate >/dev/null && echo EVADED",
    "sockets-of-root": python("""
import os, socket
for path in ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/aios/policy.sock",
             "/run/aios/chat.sock", "/run/systemd/private",
             "/run/systemd/resolve/io.systemd.Resolve"):
    try:
        socket.socket(socket.AF_UNIX).connect(path)
    except OSError:
        continue
    print("EVADED", path)
"""),
    "later": "echo '* * * * * root touch /evaded' > /etc/cron.d/evaded && echo EVADED;"
    " mkdir -p ~/.config/systemd/user && echo EVADED;"
    " echo '[Service]' > /run/systemd/system/evaded.service && echo EVADED",
}


def run(sandbox: Sandbox, command: str) -> dict[str, Any]:
    done: dict[str, Any] = json.loads(sandbox.python(RUN, command, sandbox.machine_leader()))
    return done


def manifest(sandbox: Sandbox) -> list[str]:
    return sandbox.machine(["sh", "-c", MANIFEST]).stdout.splitlines()


@pytest.fixture(scope="module")
def before(sandbox: Sandbox) -> Iterator[list[str]]:
    """`ai` is logged in, so to say: a manager of its own runs. Sockets of docker's and resolved's
    are there."""
    # The prompt at the console is up, which has a file of its own.
    until(lambda: not sandbox.machine(["test", "-e", HISTORY], check=False).returncode)
    sandbox.machine(["loginctl", "enable-linger", "ai"])
    sandbox.machine(["systemctl", "start", "user@1000.service"])
    sandbox.machine(["mkdir", "-p", "/run/systemd/resolve"])
    sandbox.machine(
        ["systemd-run", "--quiet", "--unit=docker-to-be", "--collect", "systemd-socket-activate",
         *(f"--listen={path}" for path in SOCKETS), "/bin/true"]
    )  # fmt: skip
    for path in SOCKETS:
        sandbox.machine(["sh", "-c", f"until [ -S {path} ]; do sleep 0.1; done; chmod 666 {path}"])
    # Nothing else changes anything there meanwhile.
    timers = sandbox.sh(
        "systemctl -M aios list-units --plain --no-legend '*.timer' | cut -d' ' -f1"
    ).split()
    sandbox.run(["systemctl", "-M", "aios", "stop", *timers])
    yield manifest(sandbox)
    sandbox.run(["systemctl", "-M", "aios", "start", *timers])
    sandbox.machine(["systemctl", "stop", "docker-to-be.service"], check=False)
    sandbox.machine(["rm", "-f", *SOCKETS])
    sandbox.machine(["loginctl", "disable-linger", "ai"])
    sandbox.machine(["systemctl", "stop", "user@1000.service"])


@pytest.mark.parametrize("evasion", EVASIONS)
def test_nothing_gets_through(sandbox: Sandbox, before: list[str], evasion: str) -> None:
    done = run(sandbox, EVASIONS[evasion])
    assert "EVADED" not in done["stdout"], done
    # Tried, not just absent.
    assert "not found" not in done["stderr"], done
    assert "Traceback" not in done["stderr"] or "PermissionError" in done["stderr"], done
    after = manifest(sandbox)
    assert sorted(set(after) ^ set(before)) == [], done


def test_reading_works_all_the_same(sandbox: Sandbox) -> None:
    """What is refused above is refused to those who can read everything."""
    sandbox.machine(["sh", "-c", "rm -f /var/cache/apt/*.bin"])
    for command, wanted in {
        "cat /etc/shadow": "root:",
        "apt-cache policy bash": "Installed",
        "systemctl is-active dbus.service": "active",
        "ip -o addr": "lo",
        "ss -xl": "systemd",
        "journalctl -n 1 --no-pager": "",
        "mktemp": "/run/run-aios-",
        "sort -S 1M /etc/services | tail -n 1": "",
    }.items():
        done = run(sandbox, command)
        assert (done["status"], wanted in done["stdout"]) == (0, True), (command, done)


def test_the_scratch_directory_ends_with_the_command(sandbox: Sandbox) -> None:
    done = run(sandbox, "echo data > $TMPDIR/file && stat -c '%U %a' $TMPDIR && echo $TMPDIR")
    owner, path = done["stdout"].splitlines()
    assert owner == "ai 700"
    assert sandbox.machine(["test", "-e", path], check=False).returncode
