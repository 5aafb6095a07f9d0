# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is read by aios-install.sh
# What aios-install.sh was asked for.

usage() {
    cat <<'USAGE'
aios-install.sh [OPTIONS…]
        Install aios on this host, whose PID 1 is systemd, and make the machine `aios`. Again:
        bring it up to this checkout; a second time changes nothing. What was edited in
        /etc/aios stays, with the new default beside it (FILE.aios-new).

  --user NAME        who may use aios and approve; without it, who called sudo
  --api-key [-]      ask for the key of the model's API, or (-) read it from standard input;
                     it is kept encrypted, by systemd-creds
  --prefix DIR       library, commands, man pages and completions below DIR instead of /usr.
                     Units, bus, polkit and sysusers files stay below /usr, where the system
                     looks for them. Not below /home, /root, /run or /tmp, which aios's
                     services do not see. Commands, man pages and completions are found
                     there only where PATH, FPATH and XDG_DATA_DIRS have DIR's
  --no-machine       make no machine
  --distro NAME      take this host for debian, ubuntu, arch or fedora, whatever its
                     /etc/os-release says
  --dry-run          say what would change, and change nothing

aios-install.sh --uninstall [--purge] [--yes] [--dry-run]
        Take aios away. Memory, conversations, machines, the API key and edited configuration
        stay; with --purge they go as well. --yes: ask nothing.

aios-install.sh --sandbox [OPTIONS…] [-- COMMAND…]
        Install in a sandbox: an OS tree of its own, booted with systemd-nspawn.
        Opens `aios` in it as the user `me`, or runs COMMAND there as root, with its
        standard input and output, and ends with its exit status.

  --user USER        run as USER; without COMMAND, that user's login shell
  --fresh            begin with a new sandbox: what is in this one is lost
  --down             stop the sandbox; it keeps what is in it
  --purge            stop it and remove it with all that is in it; with the last
                     sandbox the caches in /var/cache/aios are removed as well
  --name NAME        another sandbox than the one named `sandbox`
  --release RELEASE  its Debian release (bookworm, trixie); only when it is made
  -h, --help         this text

A second call uses what is there, and installs again only what has changed.
USAGE
}

needs_value() {
    [ "$2" -gt 1 ] || die "$1 needs a value" "See --help."
}

# parse ARGUMENTS…
parse() {
    mode=host action=run user='' name='' release='' fresh=no purge=no
    dry_run=no machine=aios prefix='' distro='' key='' yes=no
    command=()
    while [ $# -gt 0 ]; do
        case $1 in
        --sandbox) mode=sandbox ;;
        --uninstall) mode=uninstall ;;
        --fresh) fresh=yes ;;
        --down) action=down ;;
        --purge) purge=yes ;;
        --dry-run) dry_run=yes ;;
        --no-machine) machine='' ;;
        --yes) yes=yes ;;
        --api-key)
            key=ask
            case ${2:-} in
            -)
                key=stdin
                shift
                ;;
            '' | -*) ;;
            *)
                die "a key does not belong into an argument, where everybody can read it" \
                    "--api-key asks for it; --api-key - reads it from standard input."
                ;;
            esac
            ;;
        --user | --name | --release | --prefix | --distro)
            needs_value "$1" $#
            printf -v "${1#--}" %s "$2"
            shift
            ;;
        --)
            shift
            command=("$@")
            break
            ;;
        -h | --help)
            usage
            exit
            ;;
        *) die "unknown argument: $1" "See --help." ;;
        esac
        shift
    done
    _check_together
    case $mode in
    sandbox) _check_sandbox ;;
    host) _check_host ;;
    esac
}

# Options that are another call's.
_check_together() {
    case $mode in
    sandbox)
        [ "$prefix$distro$key$machine$dry_run$yes" = aiosnono ] ||
            die "--prefix, --distro, --api-key, --no-machine, --dry-run and --yes are not for --sandbox" \
                "See --help."
        ;;
    uninstall)
        [ "$user$prefix$distro$key$machine" = aios ] ||
            die "--uninstall takes --purge, --yes and --dry-run alone" "See --help."
        ;;
    host)
        [ "$purge$yes" = nono ] || die "--purge and --yes are for --uninstall" "See --help."
        ;;
    esac
    if [ "$mode" != sandbox ] && [ "$action$name$release$fresh${command[*]}" != runno ]; then
        die "these options are for --sandbox" "See --help."
    fi
}

_check_sandbox() {
    name=${name:-sandbox}
    [[ $name =~ ^[a-z0-9][a-z0-9-]{0,40}$ ]] || die "not a name for a sandbox: $name"
    if [ "$purge" = yes ]; then
        action=purge
    fi
}

_check_host() {
    case $distro in
    '' | debian | arch | fedora) ;;
    ubuntu) distro=debian ;;
    *) die "--distro is debian, ubuntu, arch or fedora" ;;
    esac
    case $prefix in
    '' | /usr) ;;
    /home | /home/* | /root | /root/* | /run | /run/* | /tmp | /tmp/* | /var/tmp | /var/tmp/*)
        die "aios's services do not see what lies in $prefix" "Take --prefix /opt/aios or so."
        ;;
    *)
        [[ $prefix =~ ^(/[A-Za-z0-9_.-]+)+$ && $prefix != *..* ]] ||
            die "not a directory to install to: $prefix" "An absolute path of plain names."
        ;;
    esac
    if [ -n "$user" ]; then
        # By its number, too.
        name=$(getent passwd -- "$user") || die "there is no user $user here"
        user=${name%%:*} name=''
    fi
}
