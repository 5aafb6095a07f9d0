# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# The distribution's part of an image: an OS tree with the packages that aios and a person need.

# source_date → seconds: the last commit's time, or where there is no git, what was changed last.
source_date() {
    git -c safe.directory="$SOURCE" -C "$SOURCE" log -1 --format=%ct 2>/dev/null ||
        find "$SOURCE"/{services,units,cfg,image,install} -type f ! -path '*/__pycache__/*' -printf '%Ts\n' |
        sort -n | tail -n 1
}

# image_packages DISTRO → one a line
image_packages() {
    local part
    for part in host boot machine; do
        packages_for "$part" "$1"
    done | tr ' ' '\n' | LC_ALL=C sort -u
}

# base_path DISTRO RELEASE → where it is, or will be
base_path() {
    # shellcheck disable=SC2046 # words on purpose
    echo "$AIOS_CACHE/trees/image-$1${2:+-$2}-$(hash_of $(image_packages "$1") "$(uname -m)" \
        "$(_base_sources "$1" "$2")" "$(declare -f _build_base _build_debian)")"
}

_base_sources() {
    case $1 in
    debian) apt_sources "$2" && apt_options ;;
    arch) cat "$(_pacman_conf)" ;;
    esac
}

# Another repository than the machine's own: AIOS_PACMAN_CONF, a file as pacman.conf(5) has it.
_pacman_conf() {
    echo "${AIOS_PACMAN_CONF:-/etc/pacman.conf}"
}

# fetch_base DISTRO RELEASE FRESH
fetch_base() {
    local path
    case $1 in
    debian)
        # systemd's own tools, for what is done with a tree that does not run.
        install_packages trees sandbox
        read_archives "$2"
        ;;
    arch)
        command -v pacstrap >/dev/null || die "there is no pacstrap here" \
            "It is in the package arch-install-scripts."
        [ -e "$(_pacman_conf)" ] || die "there is no $(_pacman_conf)" \
            "It names the repositories that pacstrap takes packages from."
        ;;
    esac
    path=$(base_path "$1" "$2")
    [ "$3" = no ] || rm -rf "$path"
    cached "$path" _build_base "$1" "$2"
    keep_tree "$path"
}

_build_base() {
    local distro=$1 release=$2 path=$3 log began
    local -a packages
    began=$(mktemp --tmpdir aios-began.XXXXXX)
    mapfile -t packages < <(image_packages "$distro")
    log=$AIOS_CACHE/trees/image.log
    say "building the OS tree (${distro}${release:+ $release}); this takes a minute or two"
    case $distro in
    debian) _build_debian "$log" "$release" "$path" "${packages[@]}" ;;
    arch)
        mkdir -p "$path"
        # The package cache is this machine's; its keys (-G) and its mirrors (-M) are not the image's.
        quietly "$log" pacstrap -C "$(_pacman_conf)" -c -G -M "$path" "${packages[@]}"
        ;;
    esac
    # What no package brought has no time of its own: it is as old as the image (pack.sh), whenever
    # this tree was made.
    find "$path" -xdev -newer "$began" -exec touch --no-dereference --date=@4000000000 {} +
    rm -f "$began"
}
