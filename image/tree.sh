# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# An image's tree: the distribution's part with aios in it, enabled, and without anything that is one
# machine's own or differs from build to build.

# make_tree WORK DISTRO RELEASE FRESH → WORK/tree
make_tree() {
    local tree=$1/tree distro=$2
    fetch_base "$distro" "$3" "$4"
    say "installing aios in a copy of it"
    cp -a --reflink=auto "$(base_path "$distro" "$3")" "$tree"
    # The installation notes which directories it has made, to take them away again.
    mv "$tree$LIB/venv" "$1/venv"
    rmdir "$tree$LIB"
    _land "$1/stage" "$tree"
    mv "$1/venv" "$tree$LIB/venv"
    cp -r --no-target-directory "$SOURCE/image/files" "$tree"
    install -m 0755 "$SOURCE/image/systemd" "$tree$LIB/systemd"
    install -D -m 0644 "$tree$LIB/client/profile.sh" "$tree/etc/profile.d/aios.sh"
    _tree_users "$tree"
    _tree_units "$tree"
    _os_release "$tree"
    _take_identity "$tree"
    _take_caches "$tree" "$distro"
    compile_python "$tree" -x /venv/ "$LIB"
}

# As the installer does it, with its list of what is aios's: an image is mended and upgraded by it.
_land() {
    local stage=$1 tree=$2
    stage_files "$stage"
    quietly "$AIOS_CACHE/image.log" /usr/bin/python3 "$SOURCE/install/landing.py" land "$stage" "$tree" \
        "$PREFIX"
    PYTHONPATH=$SOURCE/install PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import sys
from pathlib import Path
import manifest
manifest.finish(Path(sys.argv[1]))' "$tree"
}

# The person at the console is `ai`, who asks, and approves at the prompt.
_tree_users() {
    local tree=$1 day=$((SOURCE_DATE_EPOCH / 86400))
    systemd-sysusers --root="$tree" aios.conf 2>/dev/null
    in_tree "$tree" useradd --uid 1000 --user-group --groups aios,aios-admin,systemd-journal \
        --create-home --shell /bin/bash ai
    install -d -o 1000 -g 1000 "$tree"/home/ai/.config{,/syui{,/ai}}
    ln -s /var/lib/aios/memory "$tree/home/ai/.config/syui/ai/gpt"
    chown -h 1000:1000 "$tree/home/ai/.config/syui/ai/gpt"
    systemd-tmpfiles --root="$tree" --create --prefix=/var/lib/aios aios.conf
    # When a password was changed last.
    sed -i -E "s/^([^:]*:[^:]*):[0-9]*:/\1:$day:/" "$tree/etc/shadow"
    rm -f "$tree"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- "$tree/etc/.pwd.lock"
}

_tree_units() {
    local tree=$1
    local -a units
    # All that say by what they are wanted: what the installer enables on a host.
    mapfile -t units < <(cd "$tree/usr/lib/systemd/system" && grep -l '^\[Install\]' aios-*)
    systemctl --quiet --root="$tree" enable "${units[@]}"
    # Kernel modules are the host's: in a container this unit can only fail.
    ln -sf /dev/null "$tree/etc/systemd/system/systemd-modules-load.service"
    journalctl --root="$tree" --update-catalog 2>/dev/null
}

# os_release TREE FIELD → as the distribution has it
os_release() {
    (
        # shellcheck source=/dev/null
        . "$1/usr/lib/os-release"
        echo "${!2-}"
    )
}

aios_version() {
    sed -n 's/^version = "\(.*\)"/\1/p' "$SOURCE/pyproject.toml"
}

# A file of its own: the distribution's, which is a package's, comes anew with that.
_os_release() {
    local tree=$1 like field
    like="$(os_release "$tree" ID) $(os_release "$tree" ID_LIKE)"
    rm -f "$tree/etc/os-release"
    {
        printf 'NAME="aios"\nPRETTY_NAME="aios %s (%s)"\n' "$(aios_version)" \
            "$(os_release "$tree" PRETTY_NAME)"
        printf 'ID=aios\nID_LIKE="%s"\nIMAGE_ID=aios\nIMAGE_VERSION="%s"\n' "${like% }" "$(aios_version)"
        for field in VERSION_ID VERSION_CODENAME; do
            [ -z "$(os_release "$tree" "$field")" ] ||
                printf '%s="%s"\n' "$field" "$(os_release "$tree" "$field")"
        done
    } >"$tree/etc/os-release"
}

# What a machine has for itself: it makes it when it boots.
_take_identity() {
    local tree=$1
    : >"$tree/etc/machine-id"
    rm -f "$tree"/var/lib/dbus/machine-id "$tree"/var/lib/systemd/random-seed "$tree"/etc/hostname \
        "$tree"/etc/resolv.conf "$tree"/etc/ssh/ssh_host_*
    rm -rf "$tree"/var/lib/systemd/credential.secret "$tree"/etc/pacman.d/gnupg \
        "$tree"/etc/credstore{,.encrypted}/*
}

_take_caches() {
    local tree=$1
    rm -rf "$tree"/var/cache/{apt,ldconfig,debconf,man,pacman}/* "$tree"/var/lib/apt/lists/* \
        "$tree"/var/lib/pacman/sync/* "$tree"/var/lib/dpkg/*-old "$tree"/root/.cache \
        "$tree"/{tmp,run,var/tmp}/{*,.[!.]*}
    find "$tree/var/log" -type f -delete
    "_${2}_archives" "$tree"
}

# The distribution's own archives, whichever mirror the builder has, and none of its settings: as the
# distribution's packages name them, in an example (Debian) or in comments (Arch).
_arch_archives() {
    local list=$1/etc/pacman.d/mirrorlist
    if [ -e "$list" ] && ! grep -q '^Server' "$list"; then
        sed -i '/^## Worldwide/,/^$/ s/^#Server/Server/' "$list"
    fi
    grep -qs '^Server' "$list" || die "the image's pacman would know no mirror" \
        "Arch's package pacman-mirrorlist has a list, with some for the whole world; the repositories in
aios: $(_pacman_conf) do not have it."
}

_debian_archives() {
    local tree=$1 apt=$1/etc/apt examples=$1/usr/share/doc/apt/examples
    rm -f "$apt"/apt.conf.d/99mmdebstrap "$apt"/sources.list "$apt"/sources.list.d/*
    # apt 2.9 and later; before that, lines.
    if [ -e "$examples/debian.sources" ]; then
        sed -e '/^##/d' -e 's/^\(Components: main\) .*/\1/' "$examples/debian.sources" \
            >"$apt/sources.list.d/debian.sources"
    elif [ -e "$examples/sources.list" ]; then
        sed -n 's/^\(deb http[^ ]* [^ ]* main\).*/\1/p' "$examples/sources.list" >"$apt/sources.list"
    fi
    grep -rqsE '^(deb|URIs:) http' "$apt"/sources.list{,.d} ||
        die "apt's examples name no archive for the image" "They were looked for in $examples."
}
