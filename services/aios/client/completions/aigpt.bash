# bash completion for aigpt: /usr/share/bash-completion/completions/aigpt

_aigpt() {
    local current=$2 previous=$3 word command='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --db) ((i++)) ;;
        -*) ;;
        *)
            command=$word
            break
            ;;
        esac
    done
    case $previous in
    --db)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --format)
        mapfile -t COMPREPLY < <(compgen -W "aigpt aigpt-0.1 records markdown chatgpt jsonl" -- "$current")
        return
        ;;
    --limit | --offset | --score | --entity | --interpretation) return ;;
    esac
    case $command in
    '') word="server create get update delete list search stats import personality --db --json --help" ;;
    server) word="--enable-layer4" ;;
    create | update) word="--interpretation --score --entity" ;;
    list) word="--limit --offset" ;;
    search) word="--limit --offset --batch" ;;
    import)
        mapfile -t COMPREPLY < <(compgen -f -W "--format" -- "$current")
        return
        ;;
    personality) word="--from-text" ;;
    *) word="" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$word --db --json --help" -- "$current")
}

complete -o filenames -F _aigpt aigpt
