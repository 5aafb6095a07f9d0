# shellcheck shell=bash
# aios on a host whose PID 1 is systemd: the sandbox, too, is one.

LIB=/usr/lib/aios
SERVICES=(aios-chat aios-policy aios-memory)

host_preflight() {
    local version
    [ -d /run/systemd/system ] || die "PID 1 is not systemd here" \
        "./aios-install.sh --sandbox boots one of its own."
    version=$(systemctl --version | awk 'NR == 1 { print int($2) }')
    [ "$version" -ge 252 ] || die "systemd $version is too old: aios needs 252"
    # The drop-in and the machines go to /etc and /usr; neither may be an image.
    [ -w /usr/lib/systemd/system ] || die "/usr is read-only here"
}

install_host() {
    host_preflight
    install_packages host
    _install_files
    _install_venv
    _install_package
    _activate
    _install_user
    install_machine aios
    say "aios is installed"
}

# put SOURCE… DIRECTORY
put() {
    install -D -m 0644 -t "${*: -1}" "${@:1:$#-1}"
}

_install_files() {
    local unit
    cd "$SOURCE" || exit
    install -D -m 0644 units/aios-sysusers.conf /usr/lib/sysusers.d/aios.conf
    install -D -m 0644 units/aios-tmpfiles.conf /usr/lib/tmpfiles.d/aios.conf
    systemd-sysusers aios.conf 2>/dev/null
    systemd-tmpfiles --create aios.conf
    for unit in units/*.service units/*.socket units/*.timer; do
        put "$unit" /usr/lib/systemd/system
    done
    # Enabled by whoever wants it.
    put units/user/*.service /usr/lib/systemd/user
    put units/systemd-nspawn@.service.d/10-aios.conf /usr/lib/systemd/system/systemd-nspawn@.service.d
    put units/aios.catalog /usr/lib/systemd/catalog
    put units/dbus/org.aios.conf /usr/share/dbus-1/system.d
    put units/dbus/*.service /usr/share/dbus-1/system-services
    put polkit/org.aios.policy /usr/share/polkit-1/actions
    put polkit/50-aios.rules /usr/share/polkit-1/rules.d
    # A user's own file stays.
    mkdir -p /etc/aios/config.d
    for unit in cfg/*.toml cfg/*.json; do
        [ ! -e "$unit" ] || [ -e "/etc/aios/${unit##*/}" ] || put "$unit" /etc/aios
    done
    put services/aios/client/man/*.1 /usr/share/man/man1
    install -D -m 0644 services/aios/client/completions/aios.bash \
        /usr/share/bash-completion/completions/aios
    install -D -m 0644 services/aios/client/completions/aigpt.bash \
        /usr/share/bash-completion/completions/aigpt
    put services/aios/client/completions/_aios /usr/share/zsh/site-functions
    put services/aios/client/completions/aios.fish /usr/share/fish/vendor_completions.d
    journalctl --update-catalog
}

_install_venv() {
    local version wheels
    version=$(python_version /)
    wheels=$(wheels_path "$version")
    [ "$(cat "$LIB/venv/.wheels" 2>/dev/null)" != "$wheels" ] || return 0
    fetch_wheels "$version"
    say "installing Python packages"
    rm -rf "$LIB/venv"
    mkdir -p "$LIB"
    # systemd's own Python package is the distribution's.
    /usr/bin/python3 -m venv --system-site-packages "$LIB/venv"
    install_wheels "$LIB/venv" "$wheels"
    echo "$LIB" >"$LIB/venv/lib/python$version/site-packages/aios.pth"
    echo "$wheels" >"$LIB/venv/.wheels"
}

# Whole trees: what has gone from the source is gone there as well.
_install_package() {
    rm -rf "$LIB/aios.new" "$LIB/client.new"
    cp -r "$SOURCE/services/aios" "$LIB/aios.new"
    /usr/bin/python3 "$SOURCE/install/client_tree.py" "$SOURCE/services/aios" "$LIB/client.new"
    cp "$SOURCE/services/aios/client/profile.sh" "$LIB/client.new/profile.sh"
    find "$LIB/aios.new" "$LIB/client.new" -name __pycache__ -prune -exec rm -r {} +
    "$LIB/venv/bin/python3" -m compileall -q -s "$LIB" "$LIB/aios.new" "$LIB/client.new"
    _replace "$LIB/aios"
    _refresh "$LIB/client"
    _launchers
    _share policy.toml policy/data/policy.toml
    _share commands policy/data/commands
    _share intents chat/data/intents
    _share interfaces interfaces
}

_replace() {
    rm -rf "$1.old"
    [ ! -e "$1" ] || mv "$1" "$1.old"
    mv "$1.new" "$1"
    rm -rf "$1.old"
}

# In place: the directory and some of its files are bound into running machines.
_refresh() {
    local file
    mkdir -p "$1"
    cp -a "$1.new/." "$1/"
    find "$1" -type f -printf '%P\n' | while read -r file; do
        [ -e "$1.new/$file" ] || rm "$1/$file"
    done
    rm -rf "$1.new"
}

_share() {
    mkdir -p /usr/share/aios
    ln -sfnr "$LIB/aios/$2" "/usr/share/aios/$1"
}

# The commands of pyproject.toml, on the standard library alone: -I and -S save most of python's
# start, which a prompt waits for.
_launchers() {
    /usr/bin/python3 - "$SOURCE/pyproject.toml" "$LIB/client" <<'PYTHON'
import sys, tomllib
from pathlib import Path

with open(sys.argv[1], "rb") as file:
    scripts = tomllib.load(file)["project"]["scripts"]
for name, entry in scripts.items():
    module, _, function = entry.partition(":")
    text = f"""#!/usr/bin/python3 -IS
import sys

sys.path.insert(0, {sys.argv[2]!r})
from {module} import {function}

sys.exit({function}())
"""
    # In place: the file is bound into running machines.
    path = Path("/usr/bin", name)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    path.chmod(0o755)
PYTHON
}

# What runs is the old code: it stops, and the next call starts the new one. Sockets stop with their
# services and start alone: one that is restarted while the bus starts its service is refused.
_activate() {
    local -a sockets
    systemctl daemon-reload
    busctl --quiet call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig
    systemctl try-restart polkit.service
    mapfile -t sockets < <(systemctl list-units --plain --no-legend --state=active \
        'aios-exec@*.socket' | cut -d ' ' -f 1)
    sockets+=("${SERVICES[@]/%/.socket}" aios-exec@.host.socket aios-aigpt.socket)
    systemctl --quiet stop 'aios-exec@*.socket' "${SERVICES[@]/%/.socket}" \
        'aios-exec@*.service' "${SERVICES[@]/%/.service}"
    systemctl --quiet enable --now aios-memory-backup.timer
    systemctl --quiet enable aios-revert.service
    systemctl --quiet enable "${SERVICES[@]/%/.socket}" aios-exec@.host.socket aios-aigpt.socket
    systemctl start "${sockets[@]}"
}

# Who installs may use aios, approve, read the record (aios log, journalctl), and finds the memory
# where it always was.
_install_user() {
    local user=${AIOS_USER:-${SUDO_USER:-}} home gpt
    [ -n "$user" ] && [ "$user" != root ] || return 0
    usermod --append --groups aios,aios-admin,systemd-journal "$user"
    home=$(getent passwd "$user" | cut -d: -f6)
    gpt=$home/.config/syui/ai/gpt
    if [ -L "$gpt" ]; then
        return 0
    elif [ -e "$gpt" ]; then
        say "$gpt stays as it is: aios's memory is /var/lib/aios/memory"
        return 0
    fi
    # As that user: root follows no link that somebody laid in a home.
    runuser -u "$user" -- mkdir -p "${gpt%/*}"
    runuser -u "$user" -- ln -s /var/lib/aios/memory "$gpt"
}
