#!/bin/bash
# `image/build.sh KINDS OUTPUT DISTRO RELEASE FRESH`: what build.zsh runs, as root. DISTRO and RELEASE
# may be empty.
set -euo pipefail

SOURCE=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
for part in install/{log,packages,cache,wheels,trees,stage} image/{base,tree,pack}; do
    # shellcheck source=/dev/null
    . "$SOURCE/$part.sh"
done

read -ra kinds <<<"$1"
output=$2 distro=${3:-$(distribution)} release=$4 fresh=$5
case $distro in
debian) release=${release:-$(default_release)} ;;
arch) release='' ;;
*) die "images are made of debian or arch, not of $distro" "See --distro." ;;
esac
[ -d "$output" ] || die "$output is no directory"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(source_date)}
[[ $SOURCE_DATE_EPOCH =~ ^[0-9]{1,10}$ ]] || die "SOURCE_DATE_EPOCH is no number of seconds"
export SOURCE_DATE_EPOCH

umask 022
# All that is not finished lies in here: a build that fails or is stopped leaves nothing.
mkdir -p "$AIOS_CACHE"
WORK=$(mktemp -d --tmpdir="$AIOS_CACHE" build.XXXXXX)
# shellcheck disable=SC2329 # the trap's
clean_up() {
    rm -rf --one-file-system "$WORK" "${UNFINISHED[@]}"
}
declare -a UNFINISHED=()
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

make_tree "$WORK" "$distro" "$release" "$fresh"
for kind in "${kinds[@]}"; do
    case $kind in
    tarball) finish "$output/aios-bootstrap.tar.gz" pack_tarball ;;
    oci) finish "$output/aios-oci.tar" pack_oci ;;
    image) finish "$output/aios.raw" pack_disk ;;
    esac
done
