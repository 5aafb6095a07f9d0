# shellcheck shell=bash
# A person who may use aios.

# install_user NAME: may use it, approve, read the record (aios log, journalctl), and finds the
# memory where it always was.
install_user() {
    local user=$1 group
    local -a groups=()
    for group in aios aios-admin systemd-journal; do
        _member "$user" "$group" || groups+=("$group")
    done
    if [ "${#groups[@]}" -gt 0 ]; then
        changed
        note member "${groups[@]/#/$user:}"
        # shellcheck disable=SC2016 # for a shell of its own
        undo sh -c 'for group; do
            ! id -nG "$0" | tr " " "\n" | grep -qxF "$group" || gpasswd --delete "$0" "$group" || exit
        done' "$user" "${groups[@]}"
        # Not usermod, which knows no people but those of /etc/passwd.
        for group in "${groups[@]}"; do
            gpasswd --add "$user" "$group" >/dev/null
        done
    fi
    _link_memory "$user"
}

_member() {
    id -nG "$1" | tr ' ' '\n' | grep -qxF "$2"
}

# The account's home, whoever's $HOME is in the environment (sudo's, root's).
home_of() {
    getent passwd "$1" | cut -d: -f6
}

_link_memory() {
    local user=$1 home gpt directory
    local -a directories=()
    home=$(home_of "$user")
    gpt=$home/.config/syui/ai/gpt
    directory=${gpt%/*}
    if [ -L "$gpt" ]; then
        return 0
    elif [ -e "$gpt" ]; then
        [ "$CHANGED" = no ] || say "$gpt stays as it is: aios's memory is /var/lib/aios/memory"
        return 0
    fi
    changed
    note home "$user:$gpt"
    while [ ! -d "$directory" ]; do
        directories+=("$directory")
        directory=${directory%/*}
    done
    # As that user: root follows no link that somebody laid in a home.
    [ "${#directories[@]}" = 0 ] ||
        undo runuser -u "$user" -- sh -c 'rmdir "$@" 2>/dev/null || true' sh "${directories[@]}"
    undo runuser -u "$user" -- rm -f "$gpt"
    runuser -u "$user" -- mkdir -p "${gpt%/*}"
    runuser -u "$user" -- ln -s /var/lib/aios/memory "$gpt"
}
