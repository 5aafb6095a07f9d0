# shellcheck shell=bash
# What is slow to make and depends only on its inputs is kept, under a name that is their hash.

AIOS_CACHE=${AIOS_CACHE:-/var/cache/aios}

# hash_of WORDS… → 16 hex digits
hash_of() {
    printf '%s\n' "$@" | sha256sum | cut -c1-16
}

# content_hash PATH… → 16 hex digits, over names, modes and contents, relative to $SOURCE.
content_hash() {
    (
        cd "$SOURCE" || exit
        _sources "$@" -printf '%m %p\n' | LC_ALL=C sort
        _sources "$@" -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    ) | sha256sum | cut -c1-16
}

# _sources PATH… ACTION…, find's
_sources() {
    local -a paths=()
    while [[ $1 != -* ]]; do
        paths+=("$1")
        shift
    done
    find "${paths[@]}" -type f ! -path '*/__pycache__/*' ! -path '*.egg-info/*' "$@"
}

# cached PATH BUILDER ARGUMENTS…: runs `BUILDER ARGUMENTS… PATH.new` once, however many ask.
cached() {
    [ -e "$1" ] || _build keep "$@"
}

# renewed PATH BUILDER ARGUMENTS…: the same, also where there is one, which is there until then.
renewed() {
    _build replace "$@"
}

_build() {
    local there=$1 path=$2 builder=$3
    shift 3
    mkdir -p "${path%/*}"
    (
        flock 8
        [ "$there" = replace ] || [ ! -e "$path" ] || exit 0
        rm -rf "$path.new" "$path.old"
        "$builder" "$@" "$path.new"
        [ ! -e "$path" ] || mv -T "$path" "$path.old"
        mv -T "$path.new" "$path"
        rm -rf "$path.old"
    ) 8>"$path.lock"
}

# remove_cache DIRECTORY: one that is mounted stays itself, one that is read-only as it is.
remove_cache() {
    [ -w "$1" ] || return 0
    find "$1" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
    rmdir "$1" 2>/dev/null || true
}
