# shellcheck shell=bash
# What a person sees while something takes long, and the one way out. All of it on stderr:
# stdout belongs to the command that runs in the sandbox.

say() {
    printf 'aios: %s\n' "$*" >&2
}

# die MESSAGE [HINT]
die() {
    printf 'aios: error: %s\n' "$1" >&2
    if [ -n "${2:-}" ]; then
        printf 'aios: %s\n' "$2" >&2
    fi
    exit 1
}

# quietly LOG COMMAND…: its output goes to LOG, and is shown only when it fails.
quietly() {
    local log=$1
    shift
    if ! "$@" </dev/null >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        die "failed: $*" "All of its output: $log"
    fi
}

# system_python ARGUMENTS…: for what is short. A Ctrl-C, which all on the terminal hear, waits for it:
# python would answer with a traceback.
system_python() {
    (
        trap '' INT
        exec /usr/bin/python3 "$@"
    )
}
