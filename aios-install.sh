#!/bin/bash
# Installs aios on this host, or (--sandbox) in a systemd of its own on a machine that has none.
set -euo pipefail

SOURCE=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
for part in log packages cache wheels trees machine host sandbox; do
    # shellcheck source=/dev/null
    . "$SOURCE/install/$part.sh"
done

usage() {
    cat <<'USAGE'
aios-install.sh
        Install aios on this host, whose PID 1 is systemd, and make the machine `aios`.
aios-install.sh --sandbox [OPTIONS…] [-- COMMAND…]
        The same in a sandbox: an OS tree of its own, booted with systemd-nspawn.
        Opens `aios` in it as the user `me`, or runs COMMAND there as root, with its
        standard input and output, and ends with its exit status.

  --user USER        run as USER; without COMMAND, that user's login shell
  --fresh            begin with a new sandbox: what is in this one is lost
  --down             stop the sandbox; it keeps what is in it
  --purge            stop it and remove it with all that is in it; with the last
                     sandbox the caches in /var/cache/aios are removed as well
  --name NAME        another sandbox than the one named `sandbox`
  --release RELEASE  its Debian release (bookworm, trixie); only when it is made
  -h, --help         this text

A second call uses what is there, and installs again only what has changed.
USAGE
}

sandbox=no action=run user='' name=sandbox release='' fresh=no
declare -a command=()
needs_value() {
    [ "$2" -gt 1 ] || die "$1 needs a value" "See --help."
}
while [ $# -gt 0 ]; do
    case $1 in
    --sandbox) sandbox=yes ;;
    --fresh) fresh=yes ;;
    --down) action=down ;;
    --purge) action=purge ;;
    --user)
        needs_value "$1" $#
        user=$2
        shift
        ;;
    --name)
        needs_value "$1" $#
        name=$2
        shift
        ;;
    --release)
        needs_value "$1" $#
        release=$2
        shift
        ;;
    --)
        shift
        command=("$@")
        break
        ;;
    -h | --help)
        usage
        exit
        ;;
    *) die "unknown argument: $1" "See --help." ;;
    esac
    shift
done
[[ $name =~ ^[a-z0-9][a-z0-9-]{0,40}$ ]] || die "not a name for a sandbox: $name"
if [ "$sandbox" = no ] && [ "$action$user$release$fresh${command[*]}" != runno ]; then
    die "these options are for --sandbox" "See --help."
fi

# Root's work. A user's own pip settings (index, proxy, certificate) are to hold all the same.
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "this needs root, and there is no sudo" "Run it as root."
    if [ -z "${PIP_CONFIG_FILE:-}" ] && [ -e "$HOME/.config/pip/pip.conf" ]; then
        export PIP_CONFIG_FILE=$HOME/.config/pip/pip.conf
    fi
    kept=$(compgen -e | grep -E '^(PIP_.*|(https?|no)_proxy|(SSL|REQUESTS)_.*|AIOS_CACHE)$' |
        paste -sd,) || true
    arguments=()
    [ "$sandbox" = no ] || arguments+=(--sandbox --name "$name")
    [ "$action" = run ] || arguments+=("--$action")
    [ "$fresh" = no ] || arguments+=(--fresh)
    [ -z "$user" ] || arguments+=(--user "$user")
    [ -z "$release" ] || arguments+=(--release "$release")
    [ "${#command[@]}" = 0 ] || arguments+=(-- "${command[@]}")
    exec sudo --preserve-env="$kept" -- "$SOURCE/aios-install.sh" "${arguments[@]}"
fi

if [ "$sandbox" = no ]; then
    install_host
    exit
fi
case $action in
down) sandbox_down "$name" ;;
purge) sandbox_purge "$name" ;;
run)
    sandbox_up "$name" "${release:-$(default_release)}" "$fresh"
    if [ "${#command[@]}" -gt 0 ]; then
        sandbox_run "$name" "${user:-root}" "${command[@]}"
    elif [ -n "$user" ]; then
        sandbox_run "$name" "$user" /bin/bash -l
    else
        sandbox_run "$name" "$SANDBOX_USER" aios
    fi
    ;;
esac
