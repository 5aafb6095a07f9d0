#!/bin/sh
# Builds images with aios in them. In zsh; sh says so where there is none.
if [ -z "${ZSH_VERSION-}" ]; then
    command -v zsh >/dev/null 2>&1 && exec zsh -- "$0" "$@"
    printf 'aios: error: build.zsh needs zsh\naios: Install it: apt-get install zsh, pacman -S zsh or dnf install zsh\n' >&2
    exit 1
fi
emulate -R zsh
setopt err_exit no_unset pipe_fail

typeset -r source=${0:A:h}

usage() {
    cat <<'USAGE'
build.zsh [tarball|oci|image]… [OPTIONS…]
        Builds an OS tree with aios in it, and packs it, each way that is named:

  tarball            aios-bootstrap.tar.gz, for machinectl import-tar; the default
  oci                aios-oci.tar, an OCI archive, for podman load, skopeo and others
  image              aios.raw, an ext4 file system, for machinectl import-raw and
                     systemd-nspawn --image

Beside each lies its checksum (.sha256). Needs root.

  --output DIR       where they go; the current directory unless given
  --distro DISTRO    debian (mmdebstrap) or arch (pacstrap); this machine's own unless given
  --release RELEASE  of the distribution (bookworm, trixie); this machine's own unless given
  --fresh            do not start from an OS tree that an earlier build has left in the cache
  -h, --help         this text

The same inputs give the same bytes: these sources, the distribution's packages as they are now, and
SOURCE_DATE_EPOCH, the time that no file is younger than; the last commit's unless it is set.
USAGE
}

fail() {
    print -u2 -r -- "aios: error: $1"
    print -u2 -r -- "aios: See --help."
    exit 2
}

typeset -aU kinds
typeset output=. distro='' release='' fresh=no
while (( $# )); do
    case $1 in
    tarball|oci|image) kinds+=($1) ;;
    --output|--distro|--release)
        (( $# > 1 )) && [[ -n $2 ]] || fail "$1 needs a value"
        typeset "${1#--}=$2"
        shift
        ;;
    --fresh) fresh=yes ;;
    -h|--help)
        usage
        exit
        ;;
    *) fail "unknown argument: $1" ;;
    esac
    shift
done
[[ $distro == (|debian|arch) ]] || fail "images are made of debian or arch, not of $distro"
[[ $release =~ '^[a-z0-9.-]*$' ]] || fail "not the name of a release: $release"
(( $#kinds )) || kinds=(tarball)
typeset -a build=($source/image/build.sh "$kinds" "${output:A}" "$distro" "$release" "$fresh")

# As the installer, with the builder's own pip settings.
if (( EUID )); then
    (( $+commands[sudo] )) || { print -u2 "aios: error: this needs root, and there is no sudo"; exit 1 }
    [[ -n ${PIP_CONFIG_FILE-} || ! -e $HOME/.config/pip/pip.conf ]] ||
        export PIP_CONFIG_FILE=$HOME/.config/pip/pip.conf
    typeset -a kept=(${(k)parameters[(R)*export*]})
    kept=(${(M)kept:#(PIP_*|(http|https|no)_proxy|(SSL|REQUESTS)_*|AIOS_(CACHE|PACMAN_CONF)|SOURCE_DATE_EPOCH)})
    exec sudo --preserve-env=${(j:,:)kept} -- "${build[@]}"
fi
exec "${build[@]}"
