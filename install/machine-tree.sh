#!/bin/bash
# aios-machine-tree@DISTRIBUTION[-RELEASE].service: the OS tree that new machines of that release are
# copies of, from the packages of the archives that this host knows. What it says is the unit's
# status: who waits for it is told.
set -euo pipefail

SOURCE=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
for part in log packages cache trees; do
    # shellcheck source=/dev/null
    . "$SOURCE/install/$part.sh"
done

say() {
    printf '%s\n' "$*" >&2
    [ -z "${NOTIFY_SOCKET:-}" ] || systemd-notify --status="$*"
}

die() {
    say "$1${2:+: $2}"
    exit 1
}

TREE_ID=${1%%-*}
release=${1#"$TREE_ID"}
release=${release#-}
case $TREE_ID in
debian | ubuntu) family=debian builder=mmdebstrap package=mmdebstrap ;;
arch) family=arch builder=pacstrap package=arch-install-scripts ;;
fedora) family=fedora builder=dnf package=dnf ;;
*) die "no machine is made of $TREE_ID" "debian, ubuntu, arch or fedora" ;;
esac
# The tree's, not this host's.
distribution() {
    echo "$family"
}
command -v "$builder" >/dev/null || die "there is no $builder here" "install the package $package"

if [ "$family" = debian ]; then
    read_archives "$release"
elif [ "$family" = arch ]; then
    grep -qs '^\[' /etc/pacman.conf || die "pacman knows no archive here" "look at /etc/pacman.conf"
fi
path=$(tree_path machine "$release")
trap 'rm -rf -- "$path.new" "$path.old"' EXIT
trap 'exit 143' TERM
# Whoever starts this has found none, or wants a new one.
renewed "$path" _build_tree machine "$release"
touch "$path"
ln -sfn "$path" "$AIOS_CACHE/trees/base-$1"
