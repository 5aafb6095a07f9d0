# shellcheck shell=bash
# OS trees: one that the sandbox boots (`sandbox`), one that every new machine is a copy of
# (`machine`). Built from the distribution's own packages, kept in the cache.

# apt_sources RELEASE → `deb` lines: the distribution's own archives as this machine's apt is
# configured, nobody else's; for another release the same archives' suites of that name. For another
# distribution (TREE_ID), that one's archives as far as apt knows them.
apt_sources() {
    local release=$1 id own
    id=$(own_distribution)
    own=$(default_release)
    if [ "${TREE_ID:-$id}" != "$id" ]; then
        id=$TREE_ID own=$release
    fi
    # shellcheck disable=SC2016 # apt's own placeholders
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' |
        awk -v id="$id" -v own="$own" -v release="$release" '
            tolower($1) == id && $3 ~ ("^" own "(-updates|-security)?$") {
                sub("^" own, release, $3)
                print "deb", $2, $3, $4
            }' | LC_ALL=C sort -u
}

# What the machine's apt needs to reach those archives holds in the tree as well.
apt_options() {
    apt-config dump |
        grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|Retries) ' || true
}

# tree_path sandbox|machine RELEASE → where it is, or will be. RELEASE is empty except on Debian.
tree_path() {
    local distribution
    distribution=$(distribution)
    # shellcheck disable=SC2046 # words on purpose
    echo "$AIOS_CACHE/trees/$1${2:+-$2}-$(hash_of "$distribution" "$2" "$(uname -m)" \
        $(_tree_packages "$1" "$distribution") "$(_tree_sources "$distribution" "$2")" \
        "$(declare -f _build_tree _build_debian _finish_tree _finish_machine)")"
}

_tree_packages() {
    case $1 in
    sandbox) echo "$(packages_for host "$2") $(packages_for boot "$2")" ;;
    machine) packages_for machine "$2" ;;
    esac
}

_tree_sources() {
    case $1 in
    debian) apt_sources "$2" && apt_options ;;
    esac
}

# Which archives apt has is known only once their indexes have been read.
read_archives() {
    local log
    [ "$(distribution)" = debian ] || return 0
    [ -z "$(apt_sources "$1")" ] || return 0
    say "reading the package archives"
    log=$(mktemp --tmpdir aios-apt.XXXXXX)
    quietly "$log" apt-get update -q
    rm -f "$log"
    [ -n "$(apt_sources "$1")" ] || die "apt knows no archive of ${TREE_ID:-the distribution itself}" \
        "Look at /etc/apt/sources.list and sources.list.d."
}

# fetch_tree sandbox|machine RELEASE
fetch_tree() {
    local path
    path=$(tree_path "$1" "$2")
    [ -d "$path" ] || install_packages trees
    cached "$path" _build_tree "$1" "$2"
    keep_tree "$path"
}

# keep_tree PATH: it is used; others of its kind, which a week later nobody starts from any more, go.
# What they were built from has changed since.
keep_tree() {
    touch "$1"
    find "${1%/*}" -maxdepth 1 -type d -path "${1%-*}-*" -mtime +7 -exec rm -rf {} +
}

_build_tree() {
    local kind=$1 release=$2 path=$3 log distribution
    local -a packages
    distribution=$(distribution)
    log=$AIOS_CACHE/trees/$kind.log
    read -ra packages < <(_tree_packages "$kind" "$distribution")
    say "building the $kind's OS tree${release:+ ($release)}; this takes a minute"
    case $distribution in
    debian) _build_debian "$log" "$release" "$path" "${packages[@]}" ;;
    arch)
        mkdir -p "$path"
        quietly "$log" pacstrap -c -K "$path" "${packages[@]}"
        ;;
    fedora)
        quietly "$log" dnf install -y --installroot="$path" "$(_dnf_of_host)" \
            --setopt=install_weak_deps=False "${packages[@]}"
        ;;
    esac
    _finish_tree "$path"
    if [ "$kind" = machine ]; then
        _finish_machine "$path"
    fi
}

# dnf 4 takes this host's archives for a new tree by itself, and wants to know the release.
_dnf_of_host() {
    case $(dnf --version) in
    dnf5*) echo --use-host-config ;;
    *) echo --releasever=/ ;;
    esac
}

_build_debian() {
    local log=$1 release=$2 path=$3 option
    local -a options=() sources
    shift 3
    mapfile -t sources < <(apt_sources "$release")
    while read -r option; do
        [ -z "$option" ] || options+=("--aptopt=$option")
    done < <(apt_options)
    # The lists stay: `apt-get install` works in a machine that has just been made.
    quietly "$log" mmdebstrap --mode=root --variant=minbase --format=directory \
        --skip=cleanup/apt/lists "${options[@]}" \
        --include="$(IFS=,; echo "$*")" "$release" "$path" "${sources[@]}"
}

_finish_tree() {
    # A copy gets an identity of its own when it boots.
    : >"$1/etc/machine-id"
    rm -f "$1/var/lib/dbus/machine-id"
    # Kernel modules are the host's: in a container this unit can only fail.
    ln -sf /dev/null "$1/etc/systemd/system/systemd-modules-load.service"
}

_finish_machine() {
    local getty=$1/etc/systemd/system/console-getty.service.d/autologin.conf
    # nspawn gives it the machine's name.
    rm -f "$1/etc/hostname"
    chroot "$1" useradd --uid 1000 --user-group --create-home --shell /bin/bash ai
    # Where the memory is bound: nspawn would make the way there, as nobody's.
    mkdir -p "${getty%/*}" "$1/root/.config/syui/ai/gpt"
    cat >"$getty" <<'UNIT'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin ai --noclear --keep-baud - 115200,38400,9600 $TERM
UNIT
}
