# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# A machine: a copy of the machine tree, its .nspawn file, its unit.

# install_machine NAME: made once, and then started; what is there stays.
install_machine() {
    local name=$1 tree=/var/lib/machines/$1 settings=/etc/systemd/nspawn/$1.nspawn
    if [ ! -e "$tree" ]; then
        say "making the machine $name"
        _copy_machine "$tree"
    fi
    if [ ! -e "$settings" ] || ! grep -q '^\[Exec\]' "$settings"; then
        _machine_settings "$name" >>"$settings"
    fi
    systemctl --quiet enable machines.target "systemd-nspawn@$name.service"
    if ! systemctl --quiet is-active "systemd-nspawn@$name.service"; then
        say "starting the machine $name"
        systemctl start "systemd-nspawn@$name.service"
    else
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
