# shellcheck shell=bash
# The distribution's packages: what each part of aios needs, by the names they have there.

OS_RELEASE=/etc/os-release

# distribution → debian | arch | fedora, as os-release has it, or --distro.
distribution() {
    local own
    if [ -n "${DISTRO:-}" ]; then
        echo "$DISTRO"
        return
    fi
    own=$(own_distribution)
    case $own in
    ubuntu) echo debian ;;
    debian | arch | fedora) echo "$own" ;;
    *) die "no packages are known for this distribution ($own)" \
        "aios installs on Debian 12+, Ubuntu 24.04+, Arch and Fedora; for one that is made of one of
aios: these, say --distro." ;;
    esac
}

# own_distribution → debian | ubuntu | arch | fedora: this machine's own, or what that is made of; else
# its ID. (aios.machines.base knows the same.)
own_distribution() {
    local ID="" ID_LIKE="" word
    # shellcheck source=/dev/null
    . "$OS_RELEASE"
    for word in $ID $ID_LIKE; do
        case $word in
        debian | ubuntu | arch | fedora)
            echo "$word"
            return
            ;;
        esac
    done
    echo "$ID"
}

# default_release → the codename of that, where releases have one
default_release() {
    local ID="" VERSION_CODENAME="" UBUNTU_CODENAME="" DEBIAN_CODENAME=""
    # shellcheck source=/dev/null
    . "$OS_RELEASE"
    case $(own_distribution) in
    "$ID") echo "$VERSION_CODENAME" ;;
    ubuntu) echo "$UBUNTU_CODENAME" ;;
    debian) echo "$DEBIAN_CODENAME" ;;
    esac
}

# packages_for PART DISTRIBUTION → names. Parts: host (the services), sandbox (to boot one here), boot
# (what its tree has besides host), vm (a virtual machine for the tests), wheels (to fetch Python packages), trees (to build OS trees), machine, test.
packages_for() {
    case $1-$2 in
    host-debian)
        echo systemd systemd-container libpam-systemd dbus polkitd python3 python3-venv \
            python3-systemd ca-certificates
        ;;
    host-arch) echo systemd dbus polkit python python-systemd ca-certificates ;;
    host-fedora)
        echo systemd systemd-container dbus-broker polkit python3 python3-systemd ca-certificates
        ;;
    boot-debian) echo systemd-sysv iproute2 procps less ;;
    boot-arch) echo systemd-sysvcompat iproute2 procps-ng less ;;
    boot-fedora) echo iproute procps-ng less ;;
    sandbox-debian) echo systemd-container util-linux python3 ;;
    sandbox-arch) echo systemd util-linux python ;;
    sandbox-fedora) echo systemd-container util-linux python3 ;;
    wheels-debian) echo python3-venv ;;
    wheels-*) echo ;;
    trees-debian) echo mmdebstrap ;;
    trees-arch) echo arch-install-scripts ;;
    trees-fedora) echo dnf ;;
    machine-debian)
        echo systemd systemd-sysv libpam-systemd libnss-myhostname dbus passwd login sudo \
            python3 bash apt iproute2 iputils-ping procps less
        ;;
    machine-arch) echo base sudo python iproute2 iputils procps-ng less ;;
    machine-fedora)
        echo systemd systemd-networkd dbus-broker shadow-utils sudo python3 bash dnf iproute iputils \
            procps-ng less
        ;;
    test-debian) echo systemd dbus-daemon python3-venv python3-systemd shellcheck zsh btrfs-progs git less procps ;;
    vm-debian) echo qemu-system-x86 e2fsprogs ;;
    test-arch) echo dbus python python-systemd shellcheck zsh btrfs-progs git less procps-ng ;;
    test-fedora) echo dbus-daemon python3 python3-systemd ShellCheck zsh btrfs-progs git less procps-ng ;;
    vm-arch) echo qemu-system-x86 e2fsprogs ;;
    vm-fedora) echo qemu-system-x86-core e2fsprogs ;;
    esac
}

_missing_packages() {
    local distribution=$1 package
    shift
    for package; do
        case $distribution in
        debian)
            [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ]
            ;;
        arch) pacman -T "$package" >/dev/null ;;
        fedora) rpm -q --whatprovides "$package" >/dev/null ;;
        esac || echo "$package"
    done
}

# missing_packages PART… → one a line
missing_packages() {
    local distribution part
    local -a names wanted=()
    distribution=$(distribution) || exit
    for part; do
        read -ra names < <(packages_for "$part" "$distribution")
        wanted+=("${names[@]}")
    done
    _missing_packages "$distribution" "${wanted[@]}"
}

# install_packages PART…: what is missing of them, and nothing else.
install_packages() {
    local distribution names log
    local -a missing
    distribution=$(distribution) || exit
    names=$(missing_packages "$@")
    [ -n "$names" ] || return 0
    mapfile -t missing <<<"$names"
    [ "$(id -u)" = 0 ] || die "these packages are needed: ${missing[*]}" "Install them, or run as root."
    say "installing packages: ${missing[*]}"
    log=$(mktemp --tmpdir aios-packages.XXXXXX)
    # One at a time: a second installer waits for the first.
    (flock 6 && "_install_on_$distribution" "$log" "${missing[@]}" 6<&-) 6</etc/os-release || exit
    # shellcheck disable=SC2034 # an installation tells of them
    INSTALLED_PACKAGES+=("${missing[@]}")
    rm -f "$log"
}

_install_on_debian() {
    local log=$1
    shift
    quietly "$log" apt-get update -q
    # Units that it brings must not start here: where systemd is not PID 1 they cannot, and elsewhere
    # none of these has one that a machine lacks. A machine that has just booted may be upgrading
    # itself: that is waited for.
    DEBIAN_FRONTEND=noninteractive quietly "$log" apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=600 "$@"
}

_install_on_arch() {
    local log=$1
    shift
    quietly "$log" pacman -S --noconfirm --needed "$@"
}

_install_on_fedora() {
    local log=$1
    shift
    quietly "$log" dnf install -y --setopt=install_weak_deps=False "$@"
}
