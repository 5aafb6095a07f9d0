# shellcheck shell=bash
# shellcheck disable=SC2153 # SOURCE is the checkout, set by whoever sources this
# What of an image is not of these sources: an OS tree with the packages that aios and a person need,
# the Python packages in it.

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
        "$(_base_sources "$1" "$2")" "$(requirements)" "$LIB" \
        "$(declare -f _build_base _build_debian _base_venv compile_python)")"
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
    find "$path/usr" -name __pycache__ -prune -exec rm -rf {} +
    _base_venv "$path"
    compile_python "$path" "/usr/lib/python$(python_version "$path")" /usr/lib/python3/dist-packages "$LIB"
    # What no package brought has no time of its own: it is as old as the image (pack.sh), whenever
    # this tree was made.
    find "$path" -xdev -newer "$began" -exec touch --no-dereference --date=@4000000000 {} +
    rm -f "$began"
}

# Made where it will be: what is in a venv names its place.
_base_venv() {
    local tree=$1 version wheels log=$AIOS_CACHE/pip.log
    version=$(python_version "$tree")
    fetch_wheels "$version"
    wheels=$(wheels_path "$version")
    mkdir -p "$tree$LIB"
    cp -r "$wheels" "$tree$LIB/wheels"
    quietly "$log" in_tree "$tree" python3 -m venv --system-site-packages "$LIB/venv"
    quietly "$log" in_tree "$tree" "$LIB/venv/bin/python" -m pip install --quiet --no-index \
        --no-compile --find-links "$LIB/wheels" --requirement "$LIB/wheels/requirements.txt"
    quietly "$log" in_tree "$tree" "$LIB/venv/bin/python" -m pip uninstall --quiet --yes pip
    rm -rf "$tree$LIB/wheels"
    echo "$LIB" >"$tree$LIB/venv/lib/python$version/site-packages/aios.pth"
    # As the installer writes it, wherever this builder has its cache.
    echo "/var/cache/aios/${wheels##*/}" >"$tree$LIB/venv/.wheels"
}

# compile_python TREE ARGUMENT…, compileall's: Python's compiled files, by their sources' content: their time is not
# that of the build, and a file of the image that is edited counts.
compile_python() {
    local tree=$1
    shift
    in_tree "$tree" env -u PYTHONDONTWRITEBYTECODE python3 -m compileall -q \
        --invalidation-mode checked-hash "$@" >/dev/null ||
        say "some Python files do not compile; they are left as they are"
}

# in_tree TREE COMMAND…: with nothing of this environment.
in_tree() {
    local tree=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONHASHSEED=0 \
        PYTHONDONTWRITEBYTECODE=1 SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" chroot "$tree" "$@" </dev/null
}
