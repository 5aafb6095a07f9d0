# bash completion for aios: /usr/share/bash-completion/completions/aios

_aios_machines() {
    machinectl list --no-legend --no-pager 2>/dev/null | while read -r name _; do
        printf '%s\n' "$name"
    done
}

# Those that do not run, too; and their snapshots.
_aios_images() {
    machinectl list-images --no-legend --no-pager 2>/dev/null | while read -r name _; do
        [ "$name" = .host ] || printf '%s\n' "$name"
    done
}

_aios_snapshots() {
    aios machine snapshots --json 2>/dev/null | grep -oE '"(id|name)": "[^"]+"' | cut -d '"' -f 4
}

_aios_requests() {
    aios approvals --json 2>/dev/null | grep -oE '"id": "[0-9A-Z]{26}"' | cut -d '"' -f 4
}

_aios_sessions() {
    aios sessions --json 2>/dev/null | grep -oE '"id": "[0-9A-Z]{26}"' | cut -d '"' -f 4
}

_aios_jobs() {
    aios jobs --json 2>/dev/null | grep -oE '"id": "[0-9A-Z]{26}"' | cut -d '"' -f 4
}

_aios() {
    local current=$2 previous=$3 word command='' action='' i
    local commands="plan exec jobs attach cancel confirm policy approvals approve reject history memory mcp log machine status doctor sessions init"
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -m | --machine | --wait-approval | -u | --user | --config | --cases) ((i++)) ;;
        -*) ;;
        *)
            case $command in policy | machine)
                action=$word
                break
                ;;
            esac
            command=$word
            case $command in policy | machine) ;; *) break ;; esac
            ;;
        esac
    done
    case $previous in
    -u | --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$current")
        return
        ;;
    --config | --cases | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --cwd)
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return
        ;;
    --resume) word=$(_aios_sessions) ;;
    -m | --machine) word=$(_aios_machines) ;;
    --decision)
        word="auto_allow notify require_approval deny approved rejected expired withdrawn"
        ;;
    --profile) word="read-only standard full" ;;
    --outcome) word="ok failed" ;;
    --only) word="memories commands" ;;
    --access) word="read-only socket none read-write" ;;
    --network) word="veth host none" ;;
    *) previous='' ;;
    esac
    if [ -n "$previous" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
        return
    fi
    case $command in
    '') word="$commands -m --machine --wait-approval --resume --continue --plain --json --version --help" ;;
    exec)
        word="-m --machine --pty --detach --json --timeout --cwd --profile --session
            --confirm-within --wait-approval --help --"
        ;;
    plan) word="-m --machine --brain --distro --batch --json --help" ;;
    jobs) word="-m --machine --json --help" ;;
    attach | cancel) word="$(_aios_jobs) -m --machine --help" ;;
    confirm) word="$(_aios_jobs) --help" ;;
    policy)
        case $action in
        '') word="check explain cat test suggest diff hook -m --machine --json --help" ;;
        check) word="-m --machine -u --user --json --batch --config --help --" ;;
        explain) word="-m --machine -u --user --json --config --help --" ;;
        cat) word="--json --config --help" ;;
        suggest) word="-n --help" ;;
        hook) word="claude-code -m --machine --help" ;;
        test | diff)
            word="--config --help"
            [ "$action" = test ] || word="--cases --help"
            case $current in
            -*) ;;
            *)
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
            esac
            ;;
        *) return ;;
        esac
        ;;
    machine)
        case $action in
        '')
            word="list show create start stop restart clone snapshot snapshots restore update rename
                remove export import shell login --help"
            ;;
        list) word="--json --help" ;;
        start) word="$(_aios_images) --help" ;;
        stop) word="$(_aios_machines) --force --help" ;;
        restart | shell | login) word="$(_aios_machines) --help" ;;
        update) word="$(_aios_machines) --keep --no-snapshot --help" ;;
        create | import)
            word="--private-users --no-private-users --network --json --help"
            [ "$action" = import ] || word+=" --distro --release --refresh --from"
            ;;
        remove) word="$(_aios_images) --yes --force --help" ;;
        export) word="$(_aios_images) --output --compression --help" ;;
        snapshot)
            word="$(_aios_images) --name --note --keep --stop --freeze --no-memory --dry-run --json
                --help"
            ;;
        snapshots)
            word="$(_aios_images) $(_aios_snapshots) --verify --remove --keep --name --dry-run --yes
                --json --help"
            ;;
        restore)
            word="$(_aios_images) $(_aios_snapshots) --stop --discard --memory --settings --dry-run
                --yes --json --help"
            ;;
        *) word="$(_aios_images) --json --help" ;;
        esac
        ;;
    approve | reject) word="$(_aios_requests) --help" ;;
    approvals) word="grants revoke --watch --notify --json --help" ;;
    status) word="--watch --json --help" ;;
    doctor) word="-m --machine --json --help" ;;
    sessions) word="--json --help" ;;
    init) word="bash zsh fish --help" ;;
    log)
        word="show stats verify export -n -m --machine -u --user --session --decision --grep
            --since --until --follow --oneline --verify-key --json --help"
        ;;
    memory)
        word="search recent list show add stats context preferences"
        word+=" forget export import backup restore verify attachments attach detach"
        word+=" -n --json --help --dry-run --everything --everyone --force --query --since --until --session --user"
        word+=" -m --machine --only --list --budget --access"
        ;;
    mcp) word="list test --http --allow-host --wait-approval -m --machine --json --help" ;;
    history)
        word="-n -m --machine --since --until --action --object --outcome --failed --session
            --everyone --json --help"
        ;;
    *) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
}

complete -F _aios aios
