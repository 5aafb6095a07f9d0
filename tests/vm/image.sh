#!/bin/bash
# A bare Debian machine as a disk image: what its installer leaves without any task, a kernel, and a
# unit that runs the tests' commands (agent.sh). Kept in the cache.
#   tests/vm/image.sh RELEASE   → the directory with `disk`, `kernel` and `initrd`
#   tests/vm/image.sh RELEASE checkout FILE   → a tar file of what the installer needs
#   tests/vm/image.sh RELEASE cache FILE      → a file system with the wheels and the machine's OS tree
set -euo pipefail

SOURCE=$(dirname -- "$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")")
for part in log packages cache wheels trees; do
    # shellcheck source=/dev/null
    . "$SOURCE/install/$part.sh"
done

BARE=(systemd-sysv udev dbus linux-image-cloud-amd64 iproute2 apt ca-certificates)
DISK_SIZE=6G

image_path() {
    echo "$AIOS_CACHE/images/bare-$1-$(hash_of "${BARE[@]}" "$DISK_SIZE" "$(apt_sources "$1")" \
        "$(cat "$SOURCE/tests/vm/agent.sh")" "$(declare -f _build_image)")"
}

_build_image() {
    local release=$1 path=$2 tree
    tree=$path/tree
    mkdir -p "$path"
    say "building a bare $release disk; this takes some minutes"
    _build_debian "$path/build.log" "$release" "$tree" "${BARE[@]}"
    install -D -m 0755 "$SOURCE/tests/vm/agent.sh" "$tree/usr/local/sbin/vm-agent"
    cat >"$tree/etc/systemd/system/vm-agent.service" <<'UNIT'
[Unit]
Description=Runs the tests' commands
After=multi-user.target
[Service]
Type=idle
ExecStart=/usr/local/sbin/vm-agent
OOMScoreAdjust=-900
[Install]
WantedBy=multi-user.target
UNIT
    mkdir -p "$tree/etc/systemd/network"
    printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' >"$tree/etc/systemd/network/80-dhcp.network"
    echo "nameserver 10.0.2.3" >"$tree/etc/resolv.conf"
    echo bare >"$tree/etc/hostname"
    : >"$tree/etc/machine-id"
    chroot "$tree" systemctl --quiet enable vm-agent systemd-networkd
    cp "$(readlink -f "$tree"/boot/vmlinuz-*)" "$path/kernel"
    cp "$(readlink -f "$tree"/boot/initrd.img-*)" "$path/initrd"
    quietly "$path/build.log" mkfs.ext4 -q -L bare -d "$tree" "$path/disk" "$DISK_SIZE"
    rm -rf "$tree"
}

_pack_cache() {
    local release=$1 file=$2 stage
    stage=$(mktemp -d --tmpdir="$AIOS_CACHE" pack.XXXXXX)
    mkdir -p "$stage/trees"
    # Links, not copies: mkfs reads each file once.
    cp -al "$(tree_path machine "$release")" "$stage/trees/"
    cp -al "$AIOS_CACHE"/wheels-* "$stage/"
    mkfs.ext4 -q -L cache -d "$stage" "$file" 2G
    rm -rf "$stage"
}

release=$1
install_packages vm trees wheels
read_archives "$release"
case ${2:-disk} in
disk)
    cached "$(image_path "$release")" _build_image "$release"
    image_path "$release"
    ;;
checkout)
    cd "$SOURCE"
    tar --exclude=__pycache__ --exclude='*.egg-info' -cf "$3" \
        aios-install.sh install pyproject.toml services units polkit cfg
    ;;
cache)
    fetch_tree machine "$release"
    _pack_cache "$release" "$3"
    ;;
esac
