# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# aios on a host whose PID 1 is systemd: the sandbox, too, is one.

SERVICES=(aios-chat aios-policy aios-memory aios-machine)
# Sockets that are enabled besides those of the services, and other units.
SOCKETS=(aios-exec@.host.socket aios-aigpt.socket)
ENABLED=(aios-memory-backup.timer aios-revert.service)

RELOAD_BUS=(busctl --quiet call org.freedesktop.DBus /org/freedesktop/DBus
    org.freedesktop.DBus ReloadConfig)
# shellcheck disable=SC2016 # for a shell of its own
REMOVE_USERS='for name; do
    ! getent passwd "$name" >/dev/null || userdel "$name"
    ! getent group "$name" >/dev/null || groupdel "$name"
done'

# host USER MACHINE PREFIX KEY DRY_RUN: any of the first four may be empty.
host() {
    local user=$1 machine=$2 key=$4 prefix
    # Not as layout's argument: there, its refusal would end nothing.
    prefix=$(_prefix "$3")
    layout "$prefix"
    host_preflight "$machine" "$PREFIX"
    if [ "$5" = yes ]; then
        plan_host "$user" "$machine" "$key"
        return
    fi
    [ -z "$key" ] || read_key "$key"
    # One at a time. What is locked is a directory that is there, so that nothing has to go.
    exec 7</usr/lib/tmpfiles.d
    flock 7
    recover
    [ -d "$LIB/aios" ] || FRESH=yes
    roll_back_on_failure
    _install_packages
    _install_venv
    _install_files
    _install_users
    _activate
    [ -z "$user" ] || install_user "$user"
    [ -z "$machine" ] || install_machine "$machine"
    store_key
    # What OS trees are made with came with the first machine.
    [ "${#INSTALLED_PACKAGES[@]}" = 0 ] || note package "${INSTALLED_PACKAGES[@]}"
    all_went_well
    if [ "$CHANGED" = no ]; then
        say "aios is installed already; nothing has changed"
        return
    fi
    say "aios is installed"
    case :$PATH: in
    *":$PREFIX/bin:"*) ;;
    *) say "its commands are in $PREFIX/bin, which PATH does not have" ;;
    esac
}

# _prefix ASKED → where it is, or is to be
_prefix() {
    local there=''
    [ ! -e /var/lib/aios/manifest.json ] ||
        there=$(system_python "$SOURCE/install/manifest.py" prefix)
    [ -z "$there" ] || [ -z "$1" ] || [ "$1" = "$there" ] ||
        die "aios is installed in $there" \
            "It moves by --uninstall (memory and machines stay) and another installation."
    echo "${there:-${1:-/usr}}"
}

# who_calls → the person behind sudo, doas or pkexec
who_calls() {
    local name=${AIOS_USER:-${SUDO_USER:-${DOAS_USER:-}}}
    if [ -z "$name" ] && [ -n "${PKEXEC_UID:-}" ]; then
        name=$(id -nu "$PKEXEC_UID")
    fi
    [ "$name" = root ] || echo "$name"
}

CHANGED=no
# shellcheck disable=SC2034 # of interest to a machine that runs
FRESH=no
INSTALLED_PACKAGES=()
changed() {
    CHANGED=yes
}

_install_packages() {
    local -a missing
    mapfile -t missing < <(missing_packages host)
    [ "${#missing[@]}" -gt 0 ] || return 0
    changed
    install_packages host
    note package "${INSTALLED_PACKAGES[@]}"
}

# Made beside the one that is there, under the name that it will have.
_install_venv() {
    local version wheels new=$LIB/venv.new
    version=$(python_version /)
    wheels=$(wheels_path "$version")
    [ "$(cat "$LIB/venv/.wheels" 2>/dev/null)" != "$wheels" ] || return 0
    changed
    fetch_wheels "$version"
    say "installing Python packages"
    make_directory "$LIB"
    undo rm -rf "$new"
    rm -rf "$new"
    # systemd's own Python package is the distribution's.
    system_python -m venv --system-site-packages --without-pip "$new"
    install_wheels "$new" "$wheels"
    grep -rlIF "$new" "$new/bin" "$new/pyvenv.cfg" | xargs sed -i "s#$new#$LIB/venv#g"
    echo "$LIB" >"$new/lib/python$version/site-packages/aios.pth"
    echo "$wheels" >"$new/.wheels"
    _undo_activation
    swap "$LIB/venv" "$new"
    _undo_running
}

_install_files() {
    local plan
    STAGED=$(mktemp -d --tmpdir=/run aios-stage.XXXXXX)
    stage_files "$STAGED"
    plan=$(landing plan)
    if [ -z "$plan" ]; then
        # An installation from before there were manifests gets its own.
        landing land
        return
    fi
    changed
    _undo_activation
    landing land >/dev/null
    _undo_running
    while read -r plan; do
        case $plan in *' was edited and stays; '*) say "$plan" ;; esac
    done <<<"$plan"
}

# landing plan|land → what changes, one a line
landing() {
    system_python "$SOURCE/install/landing.py" "$1" "$STAGED" / "$PREFIX"
}

ACTIVATION=as-it-was

# Before the first change. Undone from the last to the first: these follow when all that is old is
# back.
_undo_activation() {
    local -a sockets
    [ "$ACTIVATION" = as-it-was ] || return 0
    ACTIVATION=undone
    mapfile -t sockets < <(_active_sockets)
    [ "${#sockets[@]}" = 0 ] || undo systemctl start "${sockets[@]}"
    undo systemctl try-restart polkit.service
    undo "${RELOAD_BUS[@]}"
    undo journalctl --update-catalog
    undo systemctl reset-failed 'aios-*'
    undo systemctl daemon-reload
}

# What is new runs until what is old is back.
_undo_running() {
    undo systemctl --quiet stop 'aios-*.timer' 'aios-*.socket' 'aios-*.service'
}

_active_sockets() {
    systemctl list-units --plain --no-legend --state=active 'aios-*.socket' 'aios-*.timer' |
        cut -d ' ' -f 1
}

# Users, groups and directories that are not there yet, and the state that an uninstallation left.
_install_users() {
    local name directory mode user group
    local -a names=() directories=()
    while read -r _ name _; do
        getent passwd "$name" >/dev/null || getent group "$name" >/dev/null || names+=("$name")
    done < <(grep '^[ug] ' "$SOURCE/units/aios-sysusers.conf")
    if [ "${#names[@]}" -gt 0 ]; then
        undo sh -c "$REMOVE_USERS" sh "${names[@]}"
        # Before it: who has a process is not removed.
        _undo_running
    fi
    systemd-sysusers aios.conf 2>/dev/null
    while read -r _ directory _; do
        if [ ! -d "$directory" ]; then
            while [ ! -d "$directory" ]; do
                directories+=("$directory")
                directory=${directory%/*}
            done
        fi
    done < <(grep '^d ' "$SOURCE/units/aios-tmpfiles.conf")
    while read -r directory mode user group; do
        if [ -d "$directory" ] && [ "$(stat -c %U "$directory")" = root ]; then
            # It was handed to root when its user went (uninstall.sh).
            undo chown -hR root:root "$directory"
            chown -hR --from=root:root "$user:$group" "$directory"
            chmod "$mode" "$directory"
        fi
    done < <(state_directories)
    if [ "${#directories[@]}" -gt 0 ]; then
        undo rm -rf "${directories[@]}"
        note directory "${directories[@]}"
    fi
    systemd-tmpfiles --create aios.conf
}

# state_directories → directory, mode, user and group of what one of aios's users keeps
state_directories() {
    awk '$1 == "d" && $2 ~ "^/var/lib/aios/" && $4 != "root" { print $2, $3, $4, $5 }' \
        "$SOURCE/units/aios-tmpfiles.conf"
}

# What runs is the old code: it stops, and the next call starts the new one. Sockets stop with their
# services and start alone: one that is restarted while the bus starts its service is refused.
_activate() {
    local unit
    local -a wanted stopped=() machines
    wanted=("${SERVICES[@]/%/.socket}" "${SOCKETS[@]}" "${ENABLED[@]}")
    if [ "$CHANGED" = yes ]; then
        systemctl daemon-reload
        "${RELOAD_BUS[@]}"
        systemctl try-restart polkit.service
        journalctl --update-catalog
        mapfile -t machines < <(_active_sockets | grep '^aios-exec@' || true)
        systemctl --quiet stop 'aios-exec@*.socket' "${SERVICES[@]/%/.socket}" \
            'aios-exec@*.service' "${SERVICES[@]/%/.service}"
    fi
    enable_units "${wanted[@]}"
    for unit in "${wanted[@]}"; do
        # A oneshot of the boot is enabled, not started.
        [ "${unit##*.}" = service ] || systemctl --quiet is-active "$unit" || stopped+=("$unit")
    done
    stopped+=("${machines[@]}")
    [ "${#stopped[@]}" -gt 0 ] || return 0
    changed
    systemctl start "${stopped[@]}"
}

enable_units() {
    local unit
    local -a units=()
    for unit; do
        systemctl --quiet is-enabled "$unit" 2>/dev/null || units+=("$unit")
    done
    [ "${#units[@]}" -gt 0 ] || return 0
    changed
    note unit "${units[@]}"
    # shellcheck disable=SC2016 # for a shell of its own
    undo sh -c 'for unit; do
        ! systemctl cat "$unit" >/dev/null 2>&1 || systemctl --quiet disable "$unit" || exit
    done' sh "${units[@]}"
    systemctl --quiet enable "${units[@]}"
}
