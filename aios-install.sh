#!/bin/bash
# Installs aios on this host, or (--sandbox) in a systemd of its own on a machine that has none, and
# takes it away again.
# shellcheck disable=SC2034,SC2154 # parse sets what is read here, and other parts read what is set
set -euo pipefail
# Whatever root's is: what is installed is for everybody to read.
umask 022

SOURCE=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
for part in log arguments packages cache wheels trees rollback stage preflight person credential plan \
    machine host uninstall sandbox; do
    # shellcheck source=/dev/null
    . "$SOURCE/install/$part.sh"
done

parse "$@"

# Root's work. A user's own pip settings (index, proxy, certificate) are to hold all the same.
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "this needs root, and there is no sudo" "Run it as root."
    if [ -z "${PIP_CONFIG_FILE:-}" ] && [ -e "$HOME/.config/pip/pip.conf" ]; then
        export PIP_CONFIG_FILE=$HOME/.config/pip/pip.conf
    fi
    kept=$(compgen -e | grep -E '^(PIP_.*|(https?|no)_proxy|(SSL|REQUESTS)_.*|AIOS_CACHE)$' |
        paste -sd,) || true
    exec sudo --preserve-env="$kept" -- "$SOURCE/aios-install.sh" "$@"
fi

case $mode-$action in
host-*)
    DISTRO=$distro
    host "${user:-$(who_calls)}" "$machine" "$prefix" "$key" "$dry_run"
    ;;
uninstall-*) uninstall "$purge" "$yes" "$dry_run" ;;
sandbox-down) sandbox_down "$name" ;;
sandbox-purge) sandbox_purge "$name" ;;
sandbox-run)
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
