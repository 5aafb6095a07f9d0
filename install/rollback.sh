# shellcheck shell=bash
# An installation that fails, is interrupted or killed leaves things as they were. What has to be
# undone is in a journal (undo.py) before it is done; packages of the distribution stay.

# undo ARGV…: a command that undoes what is about to be done, and nothing where it was not.
undo() {
    system_python "$SOURCE/install/undo.py" run "$@"
}

# undo_file PATH: it is about to be written, or to go.
undo_file() {
    system_python "$SOURCE/install/undo.py" file "$1"
}

# swap DIRECTORY NEW: one takes the other's place.
swap() {
    system_python "$SOURCE/install/undo.py" swap "$1" "$2"
}

# make_directory DIRECTORY [MODE]: with what is above it, as far as that is not there yet.
make_directory() {
    local directory=$1
    [ ! -d "$directory" ] || return 0
    make_directory "${directory%/*}"
    note directory "$directory"
    undo rm -rf "$directory"
    mkdir --mode="${2:-0755}" "$directory"
}

# note KIND VALUE…: something else than a file that the uninstallation has to know of.
note() {
    system_python "$SOURCE/install/manifest.py" note "$@"
}

# noted KIND → one a line
noted() {
    system_python "$SOURCE/install/manifest.py" get "$1"
}

# Where an earlier installation was killed, everything is put back first.
recover() {
    [ -e /var/lib/aios-install ] || [ -e /var/lib/aios-install.done ] || return 0
    if [ -e /var/lib/aios-install ]; then
        say "an earlier installation did not end; putting back what it had changed"
        _go_back || exit 1
        rm -rf /run/aios-stage.*
    fi
    system_python "$SOURCE/install/undo.py" finish
}

_go_back() {
    system_python "$SOURCE/install/undo.py" back && return 0
    say "what this needs is kept in /var/lib/aios-install"
    say "Mend what is named above and run ./aios-install.sh again: it begins with the rest."
    return 1
}

# From here on the end of this shell, unless all went well, is the way back.
roll_back_on_failure() {
    _end_with _rolled_back
}

# _end_with FUNCTION: is told the exit status.
_end_with() {
    set -E
    # What ends it without a word of its own; our programs say one, and end with 3.
    trap '[ $? = 3 ] || FAILED=${BASH_COMMAND%%$'"'\\n'"'*}' ERR
    # shellcheck disable=SC2064 # its name is known now
    trap "$1 \$((\$? == 3 ? 1 : \$?))" EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

_rolled_back() {
    local status=$1
    trap - EXIT
    trap '' HUP INT TERM
    rm -rf "${STAGED:-}"
    _say_failed
    if [ -e /var/lib/aios-install ]; then
        say "it failed; putting back what this run has changed"
        _go_back || exit "$status"
        say "everything is as it was before"
    else
        say "it failed before it had changed anything"
    fi
    [ "${#INSTALLED_PACKAGES[@]}" = 0 ] ||
        say "these packages were installed and stay: ${INSTALLED_PACKAGES[*]}"
    [ ! -w "$AIOS_CACHE" ] || say "what was downloaded stays in $AIOS_CACHE"
    say "Mend what is named above and run ./aios-install.sh again."
    exit "$status"
}

_say_failed() {
    [ -z "${FAILED:-}" ] || say "error: failed: $FAILED"
}

# An uninstallation is not undone: each of its steps can be done again.
go_on_after_failure() {
    _end_with _stopped
}

_stopped() {
    trap - EXIT
    [ "$1" != 0 ] || exit 0
    _say_failed
    say "aios is uninstalled in part"
    say "Mend what is named above and run ./aios-install.sh --uninstall again: it begins with the rest."
    exit "$1"
}

# What was done holds.
all_went_well() {
    trap '' HUP INT TERM
    system_python "$SOURCE/install/manifest.py" finish
    trap - ERR EXIT HUP INT TERM
    rm -rf "${STAGED:-}"
}
