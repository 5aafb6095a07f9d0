# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# The files of aios as they lie below /, put together in a directory of their own: what an
# installation changes is known before it changes anything, and a tree that does not run can be
# given the same files.

# layout PREFIX: where what aios itself looks up lies. What the system reads from fixed places only
# (units, bus, polkit, sysusers.d, tmpfiles.d, the catalog, /etc) does not depend on it.
layout() {
    PREFIX=$1
    LIB=$1/lib/aios
}
layout /usr

# put SOURCE… DIRECTORY
put() {
    install -D -m 0644 -t "$STAGE${*: -1}" "${@:1:$#-1}"
}

# put_as SOURCE FILE
put_as() {
    install -D -m 0644 "$1" "$STAGE$2"
}

# stage_files STAGE
stage_files() {
    local STAGE=$1 file
    cd "$SOURCE" || exit
    put_as units/aios-sysusers.conf /usr/lib/sysusers.d/aios.conf
    put_as units/aios-tmpfiles.conf /usr/lib/tmpfiles.d/aios.conf
    put units/*.service units/*.socket units/*.timer /usr/lib/systemd/system
    # Enabled by whoever wants it.
    put units/user/*.service /usr/lib/systemd/user
    put units/systemd-nspawn@.service.d/10-aios.conf /usr/lib/systemd/system/systemd-nspawn@.service.d
    put units/aios.catalog /usr/lib/systemd/catalog
    put units/dbus/org.aios.conf /usr/share/dbus-1/system.d
    put units/dbus/*.service /usr/share/dbus-1/system-services
    put polkit/org.aios.policy /usr/share/polkit-1/actions
    put polkit/50-aios.rules /usr/share/polkit-1/rules.d
    install -d "$STAGE/etc/aios/config.d"
    for file in cfg/*.toml cfg/*.json; do
        [ ! -e "$file" ] || put "$file" /etc/aios
    done
    put services/aios/client/man/*.1 "$PREFIX/share/man/man1"
    for file in aios aigpt; do
        put_as "services/aios/client/completions/$file.bash" \
            "$PREFIX/share/bash-completion/completions/$file"
    done
    put services/aios/client/completions/_aios "$PREFIX/share/zsh/site-functions"
    put services/aios/client/completions/aios.fish "$PREFIX/share/fish/vendor_completions.d"
    # What every new machine's .nspawn file is made from.
    put cfg/nspawn/aios.nspawn "$PREFIX/share/aios"
    for file in log packages cache trees; do
        put "install/$file.sh" "$LIB/install"
    done
    install -D -m 0755 install/machine-tree.sh "$STAGE$LIB/install/machine-tree.sh"
    _stage_package
    _stage_share policy.toml policy/data/policy.toml
    _stage_share commands policy/data/commands
    _stage_share intents chat/data/intents
    _stage_share interfaces interfaces
    _name_prefix
}

_stage_package() {
    mkdir -p "$STAGE$LIB" "$STAGE$PREFIX/bin"
    cp -r services/aios "$STAGE$LIB/aios"
    system_python install/client_tree.py services/aios "$STAGE$LIB/client"
    put_as services/aios/client/profile.sh "$LIB/client/profile.sh"
    find "$STAGE$LIB" -name __pycache__ -prune -exec rm -r {} +
    chmod -R u=rwX,go=rX "$STAGE$LIB"
    _stage_launchers
}

# The commands of pyproject.toml, on the standard library alone: -I and -S save most of python's
# start, which a prompt waits for.
_stage_launchers() {
    system_python - pyproject.toml "$LIB/client" "$STAGE$PREFIX/bin" <<'PYTHON'
import sys, tomllib
from pathlib import Path

with open(sys.argv[1], "rb") as file:
    scripts = tomllib.load(file)["project"]["scripts"]
for name, entry in scripts.items():
    module, _, function = entry.partition(":")
    path = Path(sys.argv[3], name)
    path.write_text(f"""#!/usr/bin/python3 -IS
import sys

sys.path.insert(0, {sys.argv[2]!r})
from {module} import {function}

sys.exit({function}())
""")
    path.chmod(0o755)
PYTHON
}

_stage_share() {
    mkdir -p "$STAGE$PREFIX/share/aios"
    ln -sfnr "$STAGE$LIB/aios/$2" "$STAGE$PREFIX/share/aios/$1"
}

# What names one of aios's own places names it where it is. Rules of policy are the same everywhere.
_name_prefix() {
    [ "$PREFIX" != /usr ] || return 0
    find "$STAGE" -type f ! -name policy.toml -exec \
        sed -i -E "s#/usr/(lib/aios|share/aios|bin/(aios|aigpt))\\b#$PREFIX/\\1#g" {} +
}
