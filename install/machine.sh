# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# A machine: a copy of the machine tree, its .nspawn file, its unit.

# install_machine NAME: made once, and then started; what is there stays.
install_machine() {
    local name=$1 tree=/var/lib/machines/$1 settings=/etc/systemd/nspawn/$1.nspawn
    if [ ! -e "$tree" ]; then
        say "making the machine $name"
        changed
        note machine "$name"
        undo rm -rf "$tree" "$tree.new" "/etc/dbus-1/system.d/org.aios.Exec1.$name.conf" \
            "/usr/local/share/dbus-1/system-services/org.aios.Exec1.$name.service"
        _copy_machine "$tree"
    fi
    if [ ! -e "$settings" ] || ! grep -q '^\[Exec\]' "$settings"; then
        changed
        undo_file "$settings"
        _machine_settings "$name" >>"$settings"
    fi
    enable_unit machines.target
    enable_unit "systemd-nspawn@$name.service"
    if ! systemctl --quiet is-active "systemd-nspawn@$name.service"; then
        say "starting the machine $name"
        changed
        undo systemctl stop "systemd-nspawn@$name.service"
        systemctl start "systemd-nspawn@$name.service"
    elif [ "$CHANGED" = yes ]; then
        # Its lines may be new; a running machine has them from its next start on.
        systemctl start "aios-attach@$name.service" "aios-exec@$name.socket"
    fi
}

_copy_machine() {
    local tree=$1 source=${AIOS_MACHINE_TREE:-} release
    if [ -z "$source" ]; then
        release=$(default_release)
        read_archives "$release"
        fetch_tree machine "$release"
        source=$(tree_path machine "$release")
    fi
    mkdir -p "${tree%/*}"
    rm -rf "$tree.new"
    cp -a --reflink=auto "$source" "$tree.new"
    mv "$tree.new" "$tree"
}

# A veth pair leads nowhere unless the host's networkd serves it.
_machine_settings() {
    if systemctl --quiet is-active systemd-networkd.service; then
        sed '/^\[Network\]/,/^VirtualEthernet=/d' "$SOURCE/cfg/nspawn/$1.nspawn"
        printf '[Network]\nVirtualEthernet=yes\n'
    else
        cat "$SOURCE/cfg/nspawn/$1.nspawn"
    fi
}
