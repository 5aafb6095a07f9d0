# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# A machine: aios-machine.service makes it, as it makes any other.

# install_machine NAME: made once, and then started; what is there stays.
install_machine() {
    local name=$1 tree=/var/lib/machines/$1 settings=/etc/systemd/nspawn/$1.nspawn
    if [ ! -e "$tree" ]; then
        say "making the machine $name"
        changed
        note machine "$name"
        undo rm -rf "$tree" "/etc/dbus-1/system.d/org.aios.Exec1.$name.conf" \
            "/usr/local/share/dbus-1/system-services/org.aios.Exec1.$name.service"
        undo_file "$settings"
        _base_tree
        "$PREFIX/bin/aios" machine create "$name" >&2 || die "the machine $name could not be made"
    elif ! grep -qs '^\[Exec\]' "$settings"; then
        changed
        undo_file "$settings"
        "$LIB/venv/bin/python3" -I -m aios.machines.settings >>"$settings"
    fi
    enable_units machines.target "systemd-nspawn@$name.service"
    if ! systemctl --quiet is-active "systemd-nspawn@$name.service"; then
        say "starting the machine $name"
        changed
        undo systemctl stop "systemd-nspawn@$name.service"
        systemctl start "systemd-nspawn@$name.service"
    elif [ "$CHANGED" = yes ]; then
        # Its lines may be new; a running machine has them from its next start on.
        systemctl start "aios-attach@$name.service" "aios-exec@$name.socket"
        [ "$FRESH" = no ] || say "the machine $name runs without aios's client until it is restarted"
    fi
}

# What `aios machine create` copies (aios.machines.base): a link to a tree of the cache.
_base_tree() {
    local source=${AIOS_MACHINE_TREE:-} trees=/var/cache/aios/trees release id link
    release=$(default_release)
    id=$(own_distribution)
    if [ -z "$source" ]; then
        read_archives "$release"
        fetch_tree machine "$release"
        source=$(tree_path machine "$release")
    fi
    link=$trees/base-$id${release:+-$release}
    # shellcheck disable=SC2016 # for a shell of its own
    [ -d "$trees" ] || undo sh -c 'rmdir -p "$1" 2>/dev/null || true' sh "$trees"
    mkdir -p "$trees"
    undo_file "$link"
    ln -sfn "$source" "$link"
}
