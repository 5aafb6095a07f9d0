#!/bin/bash
# A bare Debian machine as a disk image: what its installer leaves without any task, a kernel, and a
# unit that runs the tests' commands (agent.sh). Kept in the cache.
#   tests/vm/image.sh RELEASE   → the directory with `disk`, `kernel` and `initrd`
#   tests/vm/image.sh RELEASE checkout FILE   → a tar file of a clean checkout
#   tests/vm/image.sh RELEASE cache FILE      → a file system with the wheels and the machine's OS tree
#   tests/vm/image.sh RELEASE tree DIRECTORY  → nothing but the packages that every Debian has, and apt
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
    # Translated descriptions: read again at each update.
    echo 'Acquire::Languages "none";' >"$tree/etc/apt/apt.conf.d/90languages"
    : >"$tree/etc/machine-id"
    chroot "$tree" systemctl --quiet enable vm-agent systemd-networkd
    cp "$(readlink -f "$tree"/boot/vmlinuz-*)" "$path/kernel"
    cp "$(readlink -f "$tree"/boot/initrd.img-*)" "$path/initrd"
    quietly "$path/build.log" mkfs.ext4 -q -L bare -d "$tree" "$path/disk" "$DISK_SIZE"
    rm -rf "$tree"
}

_pack_cache() {
    local tree=$1 wheels=$2 file=$3 stage
    stage=$(mktemp -d --tmpdir="$AIOS_CACHE" pack.XXXXXX)
    mkdir -p "$stage/cache/trees"
    # Links, not copies: mkfs reads each file once.
    cp -al "$tree" "$stage/cache/trees/"
    cp -al "$wheels" "$stage/cache/"
    # Of use where the machine has this one's Python.
    cp -al "$AIOS_CACHE/pip-$(python_version /)" "$stage/cache/"
    mkfs.ext4 -q -L cache -d "$stage" "$file" 2G
    rm -rf "$stage"
}

release=$1
install_packages vm trees wheels sandbox
read_archives "$release"
case ${2:-disk} in
disk)
    path=$(image_path "$release")
    cached "$path" _build_image "$release"
    touch "$path"
    find "$AIOS_CACHE/images" -maxdepth 1 -name "bare-$release-*" -mtime +7 -exec rm -rf {} +
    echo "$path"
    ;;
checkout)
    cd "$SOURCE"
    tar --exclude=./.git --exclude-from=<(sed 's|^/|./|; s|/$||' .gitignore) -cf "$3" .
    ;;
cache)
    fetch_tree machine "$release"
    tree=$(tree_path machine "$release")
    version=$(python_version "$tree")
    fetch_wheels "$version"
    cached "$AIOS_CACHE/pip-$(python_version /)" _make_pip
    _pack_cache "$tree" "$(wheels_path "$version")" "$3"
    ;;
tree)
    _build_debian "$3.log" "$release" "$3" apt
    rm -rf "$3/var/lib/apt/lists"
    ;;
esac
