# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# Takes aios away. What people and machines have made stays unless it is to be purged; whoever comes
# next with the uid of one of aios's users finds none of it: it is root's until aios is back.

GUARDS=/var/lib/aios/exec/.host/guard

# uninstall PURGE YES DRY_RUN
uninstall() {
    local purge=$1 yes=$2 dry_run=$3
    [ -d /run/systemd/system ] || die "PID 1 is not systemd here, so aios is not installed here" \
        "A sandbox goes by --sandbox --purge."
    _installed "$purge" || return 0
    if compgen -G "$GUARDS/*" >/dev/null; then
        die "a command on this host runs under guard, and what undoes it would be gone" \
            "aios confirm ID, or wait until it is put back: ls $GUARDS"
    fi
    if [ "$dry_run" = yes ]; then
        _plan_removal "$purge"
        return
    fi
    [ "$purge$yes" != yesno ] || _agree
    exec 7</usr/lib/tmpfiles.d
    flock 7
    recover
    go_on_after_failure
    PACKAGES=$(noted package | paste -sd ' ')
    _stop_all
    [ "$purge" = no ] || _purge_machines
    _remove_files "$purge"
    _remove_from_people
    _remove_users "$purge"
    _reload
    if [ "$purge" = yes ]; then
        _purge_state
    else
        system_python "$SOURCE/install/manifest.py" remains
    fi
    say "aios is uninstalled"
    _tell_kept "$purge"
}

# _installed PURGE: whether there is something to take away.
_installed() {
    [ -z "$(_prefix '')" ] || layout "$(_prefix '')"
    if [ ! -e /var/lib/aios/manifest.json ]; then
        [ ! -d /usr/lib/aios/aios ] || die "the installer that was here kept no list of what it put where" \
            "Run ./aios-install.sh, which does, and then --uninstall."
    elif [ "$1" = yes ] || [ -n "$(system_python "$SOURCE/install/manifest.py" prefix)" ]; then
        return 0
    fi
    say "aios is not installed here"
    return 1
}

_agree() {
    local answer=''
    [ -t 0 ] || die "--purge removes memory and machines; without a terminal to ask on it needs --yes"
    _plan_purge
    read -rp "These are lost. Go on? Type yes: " answer
    [ "$answer" = yes ] || die "nothing was changed"
}

# Units that are enabled for the machines are theirs, and so stay with them.
_stop_all() {
    local unit machine
    local -a units
    say "stopping aios"
    mapfile -t units < <(noted unit)
    for unit in "${SERVICES[@]/%/.socket}" "${SOCKETS[@]}" "${ENABLED[@]}" "${units[@]}"; do
        case $unit in
        aios-*) ! systemctl cat "$unit" >/dev/null 2>&1 || systemctl --quiet disable "$unit" ;;
        esac
    done
    # Commands first: what starts none any more would be asked how they ended.
    while read -r machine; do
        systemctl --machine "$machine" stop aios.slice 2>/dev/null || true
    done < <(machinectl --no-legend list | cut -d ' ' -f 1)
    systemctl --quiet stop aios.slice 'system-aios*.slice' 'aios-*.timer' 'aios-*.socket' 'aios-*.service' 2>/dev/null || true
    systemctl reset-failed 'aios-*' 'run-aios-*' 2>/dev/null || true
}

# Through a file: a failure ends it, and what was done by then has been said.
_remove_files() {
    local -a purge=()
    [ "$1" = no ] || purge=(--purge)
    mapfile -t KEPT < <(_removal plan "${purge[@]}" | sed -n 's/^keep //p')
    _removal remove "${purge[@]}" >/dev/null
    find /run/aios -depth -mindepth 1 ! -path /run/aios/machine -delete 2>/dev/null || true
    # A machine that runs has this one bound: it stays, empty, until the host goes down. If it went,
    # aios could do nothing in that machine when it is back.
    compgen -G '/run/systemd/machines/*' >/dev/null || rm -rf /run/aios
    rm -f /var/lib/systemd/timers/stamp-aios-memory-backup.timer
}

_removal() {
    system_python -B "$SOURCE/install/removal.py" "$1" / "${@:2}"
}

# Links in homes, as their owners: root follows no link that somebody laid there.
_remove_from_people() {
    local user path group
    while IFS=: read -r user path; do
        # shellcheck disable=SC2016 # for a shell of that user's
        ! getent passwd "$user" >/dev/null || runuser -u "$user" -- sh -c '
            [ "$(readlink "$0")" != /var/lib/aios/memory ] || rm -f "$0"
            rmdir -p "${0%/*}" 2>/dev/null || true' "$path" || say "$path could not be removed"
    done < <(noted home)
    while IFS=: read -r user group; do
        ! getent passwd "$user" >/dev/null || ! _member "$user" "$group" ||
            gpasswd --delete "$user" "$group" >/dev/null
    done < <(noted member)
}

_remove_users() {
    local directory
    local -a names
    while read -r directory _; do
        [ "$1" = yes ] || [ ! -d "$directory" ] || chown -hR root:root "$directory"
    done < <(state_directories)
    mapfile -t names < <(grep '^[ug] ' "$SOURCE/units/aios-sysusers.conf" | sort -r |
        cut -d ' ' -f 2)
    sh -c "$REMOVE_USERS" sh "${names[@]}"
}

_reload() {
    systemctl daemon-reload
    "${RELOAD_BUS[@]}"
    systemctl try-restart polkit.service
    journalctl --update-catalog
}

_purge_machines() {
    local name
    while read -r name; do
        systemctl --quiet disable "systemd-nspawn@$name.service" 2>/dev/null || true
        if [ -e "/var/lib/machines/$name" ]; then
            say "removing the machine $name"
            systemctl stop "systemd-nspawn@$name.service"
            machinectl remove "$name"
        fi
        rm -f "/etc/systemd/nspawn/$name.nspawn"
    done < <(_machines)
    if noted unit | grep -qxF machines.target &&
        ! compgen -G '/etc/systemd/system/machines.target.wants/*' >/dev/null; then
        systemctl --quiet disable machines.target
    fi
}

# Made by aios: by the installer, or by `aios machine`, which begins their settings so.
_machines() {
    local first path
    first=$(head -n 1 "$SOURCE/cfg/nspawn/aios.nspawn")
    {
        noted machine
        for path in /etc/systemd/nspawn/*.nspawn; do
            if [ -e "$path" ] && [ "$(head -n 1 "$path")" = "$first" ]; then
                basename "$path" .nspawn
            fi
        done
    } | sort -u
}

_purge_state() {
    # Sealed subvolumes are nothing for rm.
    PYTHONPATH=$SOURCE/services /usr/bin/python3 -B -m aios.snapshots.remove \
        /var/lib/aios/snapshots /var/lib/machines/.aios
    rm -rf /var/lib/aios
    # What a making or removing of machines left that was killed.
    rm -rf /var/lib/machines/.aios-*
    rm -f "$CREDENTIALS"/aios.*
    rmdir --ignore-fail-on-non-empty "$CREDENTIALS" 2>/dev/null || true
    # A sandbox's trees are in there as well.
    if ! compgen -G '/var/lib/aios-sandbox/*/' >/dev/null; then
        remove_cache /var/cache/aios
        remove_cache "$AIOS_CACHE"
    fi
}

_plan_purge() {
    local name
    say "--purge removes for good:"
    say "    /var/lib/aios: the memory and its backups, conversations, people's own rules, snapshots of machines"
    [ ! -e /var/lib/machines/.aios ] || say "    /var/lib/machines/.aios: snapshots of machines"
    while read -r name; do
        say "    /var/lib/machines/$name: the machine $name with all that is in it"
    done < <(_machines)
    say "    /etc/aios, $CREDENTIALS/aios.*, /var/cache/aios"
}

_plan_removal() {
    local -a purge=()
    local line
    [ "$1" = no ] || purge=(--purge)
    while read -r line; do
        case $line in
        'keep '*) printf 'would keep %s\n' "${line#keep }" ;;
        *) printf 'would remove %s\n' "$line" ;;
        esac
    done < <(_removal plan "${purge[@]}")
    grep '^[ug] ' "$SOURCE/units/aios-sysusers.conf" | while read -r _ line _; do
        printf 'would remove the user or group %s\n' "$line"
    done
    if [ "$1" = yes ]; then
        _plan_purge
    else
        _tell_kept no
    fi
}

# _tell_kept PURGE
_tell_kept() {
    local path
    [ -z "${PACKAGES:-}" ] || say "these packages came with it and stay: $PACKAGES"
    compgen -G '/etc/systemd/system/aios-*' >/dev/null &&
        say "yours, and it stays: $(compgen -G '/etc/systemd/system/aios-*' | paste -sd ' ')"
    say "the record of what was run stays in the journal"
    [ "$1" = no ] || return 0
    say "memory, conversations and rules stay in /var/lib/aios, which is root's now"
    while read -r path; do
        say "the machine $path stays, without aios's lines in its settings"
    done < <(_machines)
    [ ! -d /var/cache/aios ] || say "what machines are made of stays in /var/cache/aios"
    for path in "${KEPT[@]}"; do
        say "$path was edited and stays"
    done
    ! compgen -G "$CREDENTIALS/aios.*" >/dev/null || say "the API key stays in $CREDENTIALS"
    say "./aios-install.sh finds it all again; --uninstall --purge removes it"
}
