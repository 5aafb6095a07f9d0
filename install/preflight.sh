# shellcheck shell=bash
# What a host must have, looked at before anything is changed, and all that is missing said at once.

SYSTEMD_FLOOR=252
PYTHON_FLOOR=11
# Megabytes: the interpreter's packages and aios; a machine; the trees and wheels it is made of.
LIBRARY_MB=200
MACHINE_MB=400
CACHE_MB=500

# host_preflight MACHINE PREFIX: ends where something is missing that aios cannot do without.
host_preflight() {
    local -a missing=() lacking=()
    _check_systemd
    _check_distribution
    _check_python
    _check_kernel "$1"
    _check_writable "$2"
    _check_space "$1" "$2"
    _tell "" "${lacking[@]}"
    [ "${#missing[@]}" -gt 0 ] || return 0
    _tell "error: " "${missing[@]}"
    die "aios cannot be installed here: $((${#missing[@]} / 2)) of the above" "Nothing was changed."
}

# _tell PREFIX MESSAGE HINT MESSAGE HINT…
_tell() {
    local prefix=$1
    shift
    while [ $# -gt 1 ]; do
        say "$prefix$1"
        say "    $2"
        shift 2
    done
}

# Both append to the arrays of host_preflight: what ends it, and what is only said.
_missing() {
    missing+=("$1" "$2")
}

_lacking() {
    lacking+=("$1" "$2")
}

_check_systemd() {
    local version
    if [ ! -d /run/systemd/system ]; then
        _missing "PID 1 is not systemd here" "./aios-install.sh --sandbox boots one of its own."
        return 0
    fi
    version=$(systemctl --version | awk 'NR == 1 { print int($2) }')
    [ "$version" -ge "$SYSTEMD_FLOOR" ] ||
        _missing "systemd $version is too old: aios needs $SYSTEMD_FLOOR" \
            "Debian 12, Ubuntu 24.04 and later have it."
}

_check_distribution() {
    local error
    error=$(distribution 2>&1 >/dev/null) ||
        _missing "${error#aios: error: }" "--distro NAME takes it for debian, ubuntu, arch or fedora."
}

# Where there is none, the packages bring it.
_check_python() {
    local minor
    [ -x /usr/bin/python3 ] || return 0
    minor=$(system_python -c 'import sys; print(sys.version_info[1])')
    [ "$minor" -ge "$PYTHON_FLOOR" ] ||
        _missing "Python 3.$minor is too old: aios needs 3.$PYTHON_FLOOR" "Upgrade the distribution."
}

# _check_kernel MACHINE
_check_kernel() {
    local unified controllers name
    local -a absent=()
    if [ -n "$1" ] && ! unshare --user --map-root-user true 2>/dev/null; then
        _missing "the kernel gives root no user namespaces, which machines are made of" \
            "Raise sysctl user.max_user_namespaces, or take --no-machine."
    fi
    unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
    if [ -z "$unified" ]; then
        _missing "there is no cgroup v2" \
            "Boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line."
    else
        controllers=" $(cat "$unified/cgroup.controllers") "
        for name in cpu memory pids; do
            [[ $controllers == *" $name "* ]] || absent+=("$name")
        done
        [ "${#absent[@]}" = 0 ] ||
            _lacking "cgroup v2 has no controller ${absent[*]} here: those limits will not be enforced" \
                "Boot with systemd.unified_cgroup_hierarchy=1, and cgroup_enable=memory where it is off."
    fi
    if [ -n "$1" ] && [ -x /usr/bin/python3 ] && ! _idmapped_mounts; then
        _lacking "$(_existing /var/lib/aios) is on a file system without idmapped mounts: machines will not see the memory's file" \
            "They reach the memory by its socket all the same. ext4, xfs and btrfs have them, with Linux 5.19."
    fi
}

_idmapped_mounts() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SOURCE/services system_python - \
        "$(_existing /var/lib/aios)" <<'PYTHON'
import sys
from pathlib import Path

from aios.attach import idmap

sys.exit(1 if idmap.error(Path(sys.argv[1])) else 0)
PYTHON
}

# _existing PATH → the deepest part of it that is there
_existing() {
    local path=$1
    while [ ! -e "$path" ]; do
        path=${path%/*}
        path=${path:-/}
    done
    echo "$path"
}

_check_writable() {
    local directory
    for directory in /usr/lib/systemd/system /etc /var/lib "$(_existing "$1")"; do
        # As root this fails where the file system is mounted read-only.
        [ -w "$directory" ] || _missing "$directory is read-only" \
            "aios has files there. Where /usr is an image, install while that is made."
    done
}

# _check_space MACHINE PREFIX: what is still to come, summed for each file system.
_check_space() {
    local path needed device
    local -A sum=() where=()
    while read -r path needed; do
        path=$(_existing "$path")
        device=$(stat -c %d "$path")
        sum[$device]=$((${sum[$device]:-0} + needed))
        where[$device]=$path
    done < <(_space_needed "$1" "$2")
    for device in "${!sum[@]}"; do
        needed=${sum[$device]}
        [ "$(_free_mb "${where[$device]}")" -ge "$needed" ] ||
            _missing "$(_free_mb "${where[$device]}") MB are free at ${where[$device]}; aios needs $needed MB" \
                "Make room there$([ -z "$1" ] || echo ", or take --no-machine")."
    done
}

_space_needed() {
    [ -d "$LIB/venv" ] || echo "$2/lib/aios $LIBRARY_MB"
    [ -z "$1" ] || [ -d "/var/lib/machines/$1" ] || {
        echo "/var/lib/machines $MACHINE_MB"
        compgen -G "$AIOS_CACHE/trees/machine-*" >/dev/null || echo "$AIOS_CACHE $CACHE_MB"
    }
}

_free_mb() {
    df --output=avail -BM "$1" | awk 'NR == 2 { print int($1) }'
}
