# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# A real systemd on a machine that has none: an OS tree booted with systemd-nspawn, aios installed
# in it as on any host. Kept in /var/lib/aios-sandbox/NAME: tree/ and who its PID 1 is.

SANDBOXES=/var/lib/aios-sandbox
# Where the sandbox sees the cache and the checkout's copy.
INNER_CACHE=/run/host/aios-cache
INNER_SOURCE=/usr/src/aios
SANDBOX_USER=me

# What of the checkout the installer needs, and so what a change of has to be installed again.
SOURCES=(aios-install.sh install pyproject.toml services units polkit cfg)

sandbox_preflight() {
    local refused="this machine does not let root"
    local hint="In a container, start it with full privileges (docker run --privileged)."
    unshare --mount --pid --uts --ipc --fork true 2>/dev/null ||
        die "$refused make namespaces" "$hint"
    unshare --mount --pid --fork --mount-proc true 2>/dev/null ||
        die "$refused mount file systems" "$hint"
    unshare --user --map-root-user true 2>/dev/null ||
        die "$refused make user namespaces" "Look at sysctl user.max_user_namespaces. $hint"
    _writable_cgroup || die "no cgroup v2 hierarchy (or systemd's own) is mounted writable" "$hint"
}

_writable_cgroup() {
    local where kind
    while read -r _ where kind _; do
        if [ "$kind" = cgroup2 ] && [ -w "$where/cgroup.procs" ] &&
            mkdir -p "$where/aios-sandbox-preflight" 2>/dev/null; then
            rmdir "$where/aios-sandbox-preflight"
            return 0
        fi
    done </proc/self/mounts
    return 1
}

# sandbox_leader STATE → the pid of its PID 1; fails when it does not run.
sandbox_leader() {
    /usr/bin/python3 "$SOURCE/install/boot.py" leader "$1"
}

# sandbox_enter STATE COMMAND…: as root, in its namespaces, with nothing of this environment.
sandbox_enter() {
    local leader
    leader=$(sandbox_leader "$1") || die "the sandbox does not run"
    shift
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        nsenter --target "$leader" --all --wdns=/ -- "$@"
}

# sandbox_up NAME RELEASE FRESH: builds, boots and installs whatever of that is still to do.
sandbox_up() {
    sandbox_boot "$@"
    (
        flock 9
        _install_inside "$SANDBOXES/$1" "$SANDBOXES/$1/install.log"
    ) 9>"$SANDBOXES/$1.lock"
}

# sandbox_boot NAME RELEASE FRESH: the same without aios in it.
sandbox_boot() {
    local state=$SANDBOXES/$1 release=$2 fresh=$3
    [ -d "$state/tree" ] || sandbox_preflight
    [ "$fresh" = no ] || sandbox_down "$1"
    mkdir -p "$state"
    chmod 0711 "$SANDBOXES" "$state"
    (
        flock 9
        [ "$fresh" = no ] || rm -rf "$state/tree" "$state/installed"
        if ! sandbox_leader "$state" >/dev/null 2>&1; then
            if [ ! -d "$state/tree" ]; then
                install_packages sandbox trees wheels
                _make_tree "$state" "$release"
            fi
            install_packages sandbox
            _boot "$state"
        fi
    ) 9>"$state.lock"
}

_make_tree() {
    local state=$1 release=$2
    read_archives "$release"
    # Both take a minute, mostly of waiting for dpkg.
    fetch_tree machine "$release" &
    fetch_tree sandbox "$release"
    wait $! || exit
    fetch_wheels "$(python_version "$(tree_path sandbox "$release")")"
    say "copying the tree"
    rm -rf "$state/tree.new"
    cp -a --reflink=auto "$(tree_path sandbox "$release")" "$state/tree.new"
    echo "${state##*/}" >"$state/tree.new/etc/hostname"
    tree_path machine "$release" >"$state/machine-tree"
    mv "$state/tree.new" "$state/tree"
}

_boot() {
    local state=$1
    local -a fuse=()
    [ ! -e /dev/fuse ] || fuse=(--bind=/dev/fuse)
    _raise_inotify
    say "booting systemd"
    # --register=no, --keep-unit: there is no machined out here to tell. All capabilities: it runs
    # machines of its own.
    /usr/bin/python3 "$SOURCE/install/boot.py" up "$state" \
        systemd-nspawn --boot --notify-ready=yes --register=no --keep-unit --capability=all \
        --machine="${state##*/}" --resolv-conf=copy-host "${fuse[@]}" \
        --bind-ro="$AIOS_CACHE:$INNER_CACHE" --directory="$state/tree"
}

# Each systemd, bus and journald watches some files; the kernel's 128 for all of root's processes
# are used up by the third sandbox or so, and the next systemd does not boot.
_raise_inotify() {
    local limit=/proc/sys/fs/inotify/max_user_instances
    if [ "$(cat $limit)" -lt 1024 ]; then
        { echo 1024 >$limit; } 2>/dev/null || say "could not raise fs.inotify.max_user_instances"
    fi
}

# The same installer as on any host, from a copy of the checkout, when either has changed.
_install_inside() {
    local state=$1 log=$2 hash machine_tree
    local inner=$state/tree$INNER_SOURCE
    hash=$(content_hash "${SOURCES[@]}")
    machine_tree=$(cat "$state/machine-tree")
    [ "$(cat "$state/installed" 2>/dev/null)" != "$hash" ] || return 0
    fetch_wheels "$(python_version "$state/tree")"
    rm -rf "$inner"
    mkdir -p "$inner"
    tar -C "$SOURCE" --exclude=__pycache__ --exclude='*.egg-info' -c "${SOURCES[@]}" |
        tar -C "$inner" --no-same-owner -x
    sandbox_enter "$state" id "$SANDBOX_USER" >/dev/null 2>&1 ||
        sandbox_enter "$state" useradd --create-home --shell /bin/bash "$SANDBOX_USER"
    say "installing aios in it"
    if ! sandbox_enter "$state" env AIOS_CACHE="$INNER_CACHE" AIOS_USER="$SANDBOX_USER" \
        AIOS_MACHINE_TREE="$INNER_CACHE${machine_tree#"$AIOS_CACHE"}" \
        "$INNER_SOURCE/aios-install.sh" </dev/null 2>&1 | tee "$log" >&2; then
        die "the installation in the sandbox failed" "All of its output: $log"
    fi
    echo "$hash" >"$state/installed"
}

# sandbox_run NAME USER COMMAND…: root gets the plain namespaces; anybody else a login session,
# as a unit of the sandbox's own systemd, on a terminal when this is one.
sandbox_run() {
    local state=$SANDBOXES/$1 user=$2 stdio=--pipe
    shift 2
    if [ "$user" = root ] && ! { [ -t 0 ] && [ -t 1 ]; }; then
        sandbox_enter "$state" "$@"
        return
    fi
    if [ -t 0 ] && [ -t 1 ]; then
        stdio=--pty
    fi
    # PID 1 expands $ in what it is asked to run; $$ stands for itself. The shell stays: it turns
    # a signal into an exit status (128 + n), which systemd-run does not.
    sandbox_enter "$state" systemd-run --quiet --collect --wait "$stdio" --service-type=exec \
        --property=PAMName=login --property=WorkingDirectory=~ --property=User="$user" \
        --setenv=TERM="${TERM:-dumb}" --setenv=LANG=C.UTF-8 \
        -- /bin/bash -lc '"$$@"; exit' bash "${@//\$/\$\$}"
}

sandbox_down() {
    local state=$SANDBOXES/$1
    [ -d "$state" ] || return 0
    (
        flock 9
        ! sandbox_leader "$state" >/dev/null 2>&1 || say "stopping the sandbox"
        /usr/bin/python3 "$SOURCE/install/boot.py" down "$state"
    ) 9>"$state.lock"
}

# sandbox_purge NAME: its tree with all that is in it; with the last sandbox go the caches.
sandbox_purge() {
    local state=$SANDBOXES/$1
    sandbox_down "$1"
    rm -rf "$state" "$state.lock"
    if ! compgen -G "$SANDBOXES/*/" >/dev/null; then
        rm -rf "$SANDBOXES"
        remove_cache "$AIOS_CACHE"
    fi
}
