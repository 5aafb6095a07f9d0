"""What programs do with their first word and the rest: data for aios.memory.actions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Reading = Callable[[list[str]], Iterator[Any]]
"""A program's words → what it does (aios.memory.actions.Tagged)."""

WRITING = frozenset(("write", "edit", "create", "delete", "permission", "copy", "move"))
POWER = frozenset(("reboot", "poweroff", "halt", "suspend", "hibernate", "kexec", "soft-reboot"))
# Options of many programs that take a value as the next word.
_VALUES = """
    -t --target-release -o --option -c --config-file --root -r -b --dbpath --config -H -M --host
    --machine -p -n -s --signal --version --enablerepo --disablerepo --releasever --setopt -x
    --exclude -e -i -l -F -J -L -R -D -W -P --output -u --user -A -d --data -X --request --header
    --dir --directory --target --prefix --registry -T --lines --requirement
"""
VALUES = frozenset(_VALUES.split())
_APT = {
    "install": "install", "reinstall": "install", "build-dep": "install", "remove": "remove",
    "purge": "remove", "autoremove": "remove", "autopurge": "remove", "upgrade": "upgrade",
    "full-upgrade": "upgrade", "dist-upgrade": "upgrade", "safe-upgrade": "upgrade",
    "update": "refresh", "search": "package-query", "show": "package-query",
    "list": "package-query", "policy": "package-query", "edit-sources": "config",
}  # fmt: skip
_DNF = {
    "install": "install", "reinstall": "install", "localinstall": "install",
    "groupinstall": "install", "remove": "remove", "erase": "remove", "autoremove": "remove",
    "upgrade": "upgrade", "update": "upgrade", "distro-sync": "upgrade", "downgrade": "install",
    "makecache": "refresh", "check-update": "package-query", "search": "package-query",
    "info": "package-query", "list": "package-query",
}  # fmt: skip
_PIP = {
    "install": "install", "uninstall": "remove", "download": "download",
    "upgrade": "upgrade", "list": "package-query", "show": "package-query",
    "freeze": "package-query", "inject": "install", "add": "install", "remove": "remove",
    "pip install": "install", "pip uninstall": "remove", "tool install": "install",
}  # fmt: skip
_BREW = {
    "install": "install", "reinstall": "install", "uninstall": "remove", "remove": "remove",
    "upgrade": "upgrade", "update": "refresh", "search": "package-query", "info": "package-query",
    "list": "package-query", "tap": "install", "refresh": "upgrade",
}  # fmt: skip
NPM = {
    "install": "install", "i": "install", "ci": "install", "add": "install", "global": "install",
    "uninstall": "remove", "remove": "remove", "rm": "remove", "un": "remove",
    "update": "upgrade", "upgrade": "upgrade", "outdated": "package-query", "ls": "package-query",
    "list": "package-query", "search": "package-query", "publish": "upload", "": "install",
    "audit": "package-query", "build": "build",
}  # fmt: skip
SYSTEMCTL = {
    "start": "service-start", "stop": "service-stop", "restart": "service-restart",
    "try-restart": "service-restart", "reload-or-restart": "service-restart",
    "reload": "service-reload", "daemon-reload": "service-reload", "enable": "service-enable",
    "reenable": "service-enable", "disable": "service-disable", "mask": "service-mask",
    "unmask": "service-unmask", "kill": "service-kill", "status": "service-status",
    "is-active": "service-status", "is-enabled": "service-status", "show": "service-status",
    "is-failed": "service-status", "list-units": "service-status", "cat": "service-status",
    "list-unit-files": "service-status", "list-timers": "service-status", "edit": "service-edit",
    "reset-failed": "service-reset", "isolate": "service-start", "set-default": "config",
}  # fmt: skip
SERVICE = {
    verb: SYSTEMCTL[verb]
    for verb in ("start", "stop", "restart", "reload", "status")
} | {"force-reload": "service-reload"}  # fmt: skip
DOCKER = {
    "run": "container-start", "start": "container-start", "up": "container-start",
    "create": "container-start", "restart": "container-restart", "stop": "container-stop",
    "down": "container-stop", "kill": "container-stop", "pause": "container-stop",
    "rm": "container-remove", "rmi": "container-remove", "prune": "container-remove",
    "build": "container-build", "pull": "container-pull", "push": "container-push",
    "exec": "container-exec", "logs": "container-log", "ps": "container", "images": "container",
}  # fmt: skip
_DOCKER_VALUES = """
    -p --publish -v --volume -e --env --name -f --file -u --user -w --workdir --network --restart
    -t --tag -n --tail -m --memory --cpus --mount --entrypoint -l --label -h --hostname
"""
DOCKER_VALUES = frozenset(_DOCKER_VALUES.split())
_KUBE = {
    "apply": "container-start", "create": "container-start", "delete": "container-remove",
    "scale": "container-start", "rollout restart": "container-restart", "logs": "container-log",
    "get": "container", "describe": "container", "exec": "container-exec",
}  # fmt: skip
_MACHINECTL = {
    "start": "machine-start", "poweroff": "machine-stop", "stop": "machine-stop",
    "reboot": "machine-restart", "terminate": "machine-stop", "remove": "machine-remove",
    "clone": "machine-create", "pull-tar": "machine-create", "pull-raw": "machine-create",
    "shell": "remote", "login": "remote", "list": "container", "enable": "machine-enable",
    "copy-to": "copy", "copy-from": "copy",
}  # fmt: skip
_CARGO = {
    "install": "install", "uninstall": "remove", "add": "install", "remove": "remove",
    "update": "upgrade", "build": "build", "b": "build", "check": "build", "clippy": "build",
    "test": "test", "t": "test", "bench": "test", "run": "script", "publish": "upload",
}  # fmt: skip
_GO = {
    "install": "install", "get": "install", "build": "build", "test": "test", "run": "script",
    "vet": "build", "mod tidy": "config",
}  # fmt: skip
_MAKE = {
    "install": "build install", "clean": "build delete", "test": "build test",
    "check": "build test", "uninstall": "build remove",
}  # fmt: skip
_UFW = {
    "allow": "firewall", "deny": "firewall", "reject": "firewall", "limit": "firewall",
    "delete": "firewall", "enable": "firewall service-enable",
    "disable": "firewall service-disable", "status": "firewall", "reload": "firewall",
}  # fmt: skip
_HOSTNAMECTL = {"set-hostname": "hostname config", "hostname": "hostname", "status": "hostname"}
_TIMEDATECTL = {
    "set-timezone": "time config", "set-time": "time config", "set-ntp": "time config",
    "status": "time",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Program:
    tags: str = ""
    """What it does whatever its words; with `verbs`, also what it does beside the verb's."""
    kind: str = "file"
    """Of its operands."""
    verbs: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0
    """Operands before the first object."""
    values: frozenset[str] = VALUES


_NONE: frozenset[str] = frozenset()
_USER_VALUES = frozenset(
    (
        "-G",
        "-g",
        "-d",
        "-s",
        "-u",
        "-c",
        "-e",
        "-k",
        "--groups",
        "--shell",
        "--home",
        "--uid",
        "--gid",
    )
)
_LOG_VALUES = frozenset(("-n", "--lines", "--since", "--until", "-S", "-U", "-p", "-b", "-o"))


def _of(names: str, program: Program) -> dict[str, Program]:
    return dict.fromkeys(names.split(), program)


PROGRAMS: dict[str, Program] = (
    _of("apt apt-get aptitude nala", Program(kind="package", verbs=_APT))
    | _of("apt-cache", Program("package-query", "package", skip=1))
    | _of("dpkg-query", Program("package-query", "package"))
    | _of("dpkg-reconfigure", Program("config", "package"))
    | _of("dnf dnf5 yum microdnf", Program(kind="package", verbs=_DNF))
    | _of("zypper", Program(kind="package", verbs={**_DNF, "in": "install", "rm": "remove",
          "up": "upgrade", "dup": "upgrade", "ref": "refresh", "refresh": "refresh"}))
    | _of("apk", Program(kind="package", verbs={"add": "install", "del": "remove",
          "upgrade": "upgrade", "update": "refresh", "search": "package-query",
          "info": "package-query"}))
    | _of("snap", Program(kind="package", verbs={**_BREW, "refresh": "upgrade"}))
    | _of("flatpak", Program(kind="package", verbs={**_BREW, "update": "upgrade"}))
    | _of("brew", Program(kind="package", verbs=_BREW))
    | _of("pip pip3 pipx uv poetry conda mamba pdm", Program(kind="package", verbs=_PIP))
    | _of("gem", Program(kind="package", verbs={**_PIP, "update": "upgrade"}))
    | _of("composer bundle luarocks cpanm", Program(kind="package", verbs={**_PIP,
          "require": "install", "update": "upgrade"}))
    | _of("xbps-install emerge", Program("install", "package"))
    | _of("xbps-remove", Program("remove", "package"))
    | _of("add-apt-repository", Program("install config", "package"))
    | _of("nix-env", Program("install", "package"))
    | _of("cargo", Program(kind="package", verbs=_CARGO))
    | _of("go", Program(kind="package", verbs=_GO))
    | _of("make gmake", Program("build", "name", _MAKE, values=frozenset(("-C", "-f", "-j", "-I"))))
    | _of("cmake meson ninja gcc g++ clang cc javac tsc rustc mvn"
          " gradle bazel scons qmake configure"
          " ./configure webpack", Program("build", "file"))
    | _of("pytest tox nox ctest jest vitest phpunit rspec unittest", Program("test", "file"))
    | _of("kubectl oc helm", Program("container", "name", _KUBE))
    | _of("machinectl", Program("machine", "machine", _MACHINECTL))
    | _of("lxc lxc-start incus virsh vagrant systemd-nspawn", Program("container", "name"))
    | _of("buildah", Program("container-build container", "name"))
    | _of("ufw", Program("firewall", "name", _UFW))
    | _of("iptables ip6tables nft firewall-cmd iptables-restore ipset fail2ban-client",
          Program("firewall", "name", values=_NONE))
    | _of("ip ifconfig route ethtool nmcli netplan iwconfig iw brctl"
          " bridge resolvectl tc wg wg-quick",
          Program("network", "name"))
    | _of("ping ping6 traceroute tracepath mtr dig nslookup host whois nc ncat telnet nmap arp",
          Program("network", "host"))
    | _of("ss netstat tcpdump lsof iftop nethogs speedtest", Program("network", "name"))
    | _of("aria2c axel", Program("download network", "host"))
    | _of("ftp lftp rclone s3cmd", Program("upload network", "name"))
    | _of("ssh-copy-id", Program("key remote", "host"))
    | _of("ssh-keygen gpg openssl certbot", Program("key", "name"))
    | _of("useradd adduser", Program("user-add user", "user",
          values=_USER_VALUES))
    | _of("userdel deluser", Program("user-remove user", "user"))
    | _of("usermod passwd chage chsh chfn gpasswd", Program("user-change user", "user",
          values=_USER_VALUES | {"-aG", "-a", "-l"}))
    | _of("chpasswd", Program("user-change user", "user"))
    | _of("groupadd addgroup", Program("user-add user", "user"))
    | _of("groupdel delgroup", Program("user-remove user", "user"))
    | _of("groupmod", Program("user-change user", "user"))
    | _of("visudo vipw", Program("user-change config", "file"))
    | _of("vim vi nvim nano emacs micro joe pico ed code gedit kate hx"
          " helix mcedit sudoedit ne kak",
          Program("edit", "file", values=_NONE))
    | _of("tee", Program("write", "file"))
    | _of("touch mkdir mktemp fallocate", Program("create write", "file",
          values=frozenset(("-m",))))
    | _of("rm rmdir unlink shred", Program("delete write", "file", values=_NONE))
    | _of("truncate", Program("write", "file", values=frozenset(("-s",))))
    | _of("dd", Program("write disk", "name"))
    | _of("chmod chown chgrp setfacl chattr", Program("permission", "file", skip=1, values=_NONE))
    | _of("patch", Program("edit write", "file"))
    | _of("unzip gunzip bunzip2 unxz 7z unrar xz gzip bzip2 zip zstd", Program("archive", "file"))
    | _of("pg_dump mysqldump pg_dumpall mongodump", Program("database backup", "name"))
    | _of("psql mysql mariadb sqlite3 mongo mongosh redis-cli pg_restore createdb dropdb createuser"
          " influx", Program("database", "name"))
    | _of("restic borg duplicity timeshift snapper rsnapshot tarsnap", Program("backup", "name"))
    | _of("mount umount swapon swapoff", Program("mount disk", "file"))
    | _of("mkfs mkfs.ext4 mkfs.xfs mkfs.vfat mkswap fdisk parted gdisk"
          " sgdisk cfdisk lvcreate pvcreate"
          " vgcreate lvextend resize2fs fsck e2fsck btrfs zfs"
          " zpool tune2fs wipefs cryptsetup blkid",
          Program("disk", "file"))
    | _of("df du lsblk findmnt ncdu smartctl", Program("disk read", "file"))
    | _of("ps top htop btop pgrep pstree uptime free vmstat iostat",
          Program("process read", "name", values=_NONE))
    | _of("journalctl dmesg logrotate last lastlog", Program("log", "unit",
          values=_LOG_VALUES))
    | _of("cat less more head tail bat view wc file stat nl tac hexdump xxd strings zcat diff cmp"
          " md5sum sha256sum jq sort uniq cut awk", Program("read", "file",
          values=frozenset(("-n", "-c", "-k", "-d", "-f", "-F"))))
    | _of("ls tree pwd", Program("read", "file", values=_NONE))
    | _of("grep rg ag ack egrep fgrep zgrep", Program("search read", "file", skip=1,
          values=frozenset(("-e", "-A", "-B", "-C", "-m", "-f"))))
    | _of("find locate fd which whereis", Program("search", "file",
          values=frozenset(("-maxdepth",))))
    | _of("at batch systemd-run", Program("schedule", "name"))
    | _of("reboot shutdown poweroff halt", Program("power", "name"))
    | _of("sysctl modprobe rmmod insmod depmod update-initramfs dracut mkinitcpio",
          Program("kernel", "name"))
    | _of("grub-install update-grub grub-mkconfig", Program("kernel config", "name"))
    | _of("timedatectl", Program("time", "name", _TIMEDATECTL))
    | _of("date hwclock ntpdate chronyc", Program("time", "name"))
    | _of("hostnamectl", Program("hostname", "name", _HOSTNAMECTL))
    | _of("hostname", Program("hostname", "name"))
    | _of("localectl update-alternatives debconf-set-selections a2ensite a2dissite a2enmod a2dismod"
          " ldconfig", Program("config", "name", skip=1))
    | _of("python python3 node ruby perl php java bash sh", Program("script", "file"))
    | _of("ansible ansible-playbook terraform puppet chef-client", Program("config", "file"))
)  # fmt: skip
