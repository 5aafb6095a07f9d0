# fish completion for aios: /usr/share/fish/vendor_completions.d/aios.fish

function __aios_machines
    machinectl list --no-legend --no-pager 2>/dev/null | string match -r '^\S+'
end

function __aios_images
    machinectl list-images --no-legend --no-pager 2>/dev/null | string match -r '^[^.\s]\S*'
end

function __aios_snapshots
    aios machine snapshots --json 2>/dev/null | string match -ar '(?<="id": "|"name": ")[^"]+'
end

function __aios_requests
    aios approvals --json 2>/dev/null | string match -ar '[0-9A-Z]{26}'
end

function __aios_sessions
    aios sessions --json 2>/dev/null | string match -ar '[0-9A-Z]{26}'
end

function __aios_jobs
    aios jobs --json 2>/dev/null | string match -ar '[0-9A-Z]{26}'
end

complete -c aios -f
set -l commands plan exec jobs attach cancel confirm policy approvals approve reject history memory mcp log machine status doctor sessions init
set -l first "not __fish_seen_subcommand_from $commands"
complete -c aios -n $first -a plan -d 'the command that a prompt would become'
complete -c aios -n $first -a exec -d 'run one command in a machine, governed'
complete -c aios -n $first -a jobs -d 'commands that run'
complete -c aios -n $first -a attach -d 'what a detached one printed and prints'
complete -c aios -n $first -a cancel -d 'stop one'
complete -c aios -n $first -a confirm -d 'keep what would be undone'
complete -c aios -n $first -a policy -d 'what would be decided about a command'
complete -c aios -n $first -a approvals -d 'commands that wait for a human'
complete -c aios -n $first -a approve -d 'let one of them run'
complete -c aios -n $first -a reject -d 'refuse one of them'
complete -c aios -n $first -a history -d 'what was run'
complete -c aios -n $first -a memory -d 'the shared memory'
complete -c aios -n $first -a mcp -d 'the hands for other AIs, and MCP servers'
complete -c aios -n $first -a log -d 'the audit'
complete -c aios -n $first -a machine -d 'the machines of this host'
complete -c aios -n $first -a status -d 'services, machines, what waits and what was done'
complete -c aios -n $first -a doctor -d 'what is wrong here, and what to do'
complete -c aios -n $first -a sessions -d 'conversations to go on with'
complete -c aios -n $first -a init -d 'Alt-E in a shell'
complete -c aios -n $first -l resume -x -a '(__aios_sessions)' -d 'go on with a session'
complete -c aios -n $first -l continue -d 'go on with the last session'
complete -c aios -n $first -l plain -d 'for screen readers'
complete -c aios -n $first -l json -d 'events as lines of JSON'
complete -c aios -n '__fish_seen_subcommand_from sessions' -l json -d 'for programs'
complete -c aios -n '__fish_seen_subcommand_from init' -a 'bash zsh fish'
complete -c aios -n $first -l version -d 'the version'
complete -c aios -l help -d 'help'
complete -c aios -n "$first; or __fish_seen_subcommand_from plan exec jobs attach cancel history memory mcp doctor" \
    -s m -l machine -xa '(__aios_machines)' -d 'the machine'
complete -c aios -n "$first; or __fish_seen_subcommand_from exec" -l wait-approval -x \
    -d 'do not ask here; wait so many seconds'
complete -c aios -n "__fish_seen_subcommand_from plan exec jobs approvals history memory mcp log status doctor" \
    -l json -d 'for programs'
complete -c aios -n "__fish_seen_subcommand_from status" -s w -l watch -d 'in place'
complete -c aios -n "__fish_seen_subcommand_from plan" -l batch -d 'JSON lines'
complete -c aios -n "__fish_seen_subcommand_from plan" -l brain -xa offline -d 'who proposes'
complete -c aios -n "__fish_seen_subcommand_from plan" -l distro -xa 'debian arch fedora'
complete -c aios -n "__fish_seen_subcommand_from attach cancel confirm" -a '(__aios_jobs)'
complete -c aios -n "__fish_seen_subcommand_from exec" -l pty -d 'on this terminal'
complete -c aios -n "__fish_seen_subcommand_from exec" -l detach -d 'leave it to run'
complete -c aios -n "__fish_seen_subcommand_from exec" -l session -x -d 'where cd and export hold'
complete -c aios -n "__fish_seen_subcommand_from exec" -l confirm-within -x -d 'undo it unless confirmed'
complete -c aios -n "__fish_seen_subcommand_from exec" -l timeout -x -d 'stop it after that'
complete -c aios -n "__fish_seen_subcommand_from exec" -l cwd -xa '(__fish_complete_directories)'
complete -c aios -n "__fish_seen_subcommand_from exec" -l profile -xa 'read-only standard full'
set -l policy '__fish_seen_subcommand_from policy'
set -l no_action "$policy; and not __fish_seen_subcommand_from check explain cat test suggest diff hook"
complete -c aios -n "$no_action" -a check -d 'what would be decided'
complete -c aios -n "$no_action" -a explain -d 'a command as a tree'
complete -c aios -n "$no_action" -a cat -d 'the policy in force'
complete -c aios -n "$no_action" -a test -d 'self-tests and cases'
complete -c aios -n "$no_action" -a suggest -d 'rules for what was approved often'
complete -c aios -n "$no_action" -a diff -d 'what differs between two files'
complete -c aios -n "$no_action" -a hook -d 'answer the hooks of another tool'
complete -c aios -n "$policy; and not __fish_seen_subcommand_from cat test suggest diff" \
    -s m -l machine -xa '(__aios_machines)' -d 'the machine'
complete -c aios -n "$policy; and not __fish_seen_subcommand_from test suggest diff hook" \
    -l json -d 'for programs'
complete -c aios -n "$policy; and __fish_seen_subcommand_from check explain" -s u -l user \
    -xa '(__fish_complete_users)' -d 'for another user'
complete -c aios -n "$policy; and __fish_seen_subcommand_from check" -l batch -d 'JSON lines'
complete -c aios -n "$policy; and __fish_seen_subcommand_from check explain cat test" -l config \
    -rF -d 'the only configuration'
complete -c aios -n "$policy; and __fish_seen_subcommand_from diff" -l cases -rF -d 'commands'
complete -c aios -n "$policy; and __fish_seen_subcommand_from test diff" -F
complete -c aios -n "$policy; and __fish_seen_subcommand_from suggest" -s n -x -d 'so often'
complete -c aios -n "$policy; and __fish_seen_subcommand_from hook" -a claude-code
complete -c aios -n "__fish_seen_subcommand_from approve reject" -a '(__aios_requests)'
complete -c aios -n "__fish_seen_subcommand_from memory" -a 'search recent list show add stats context preferences forget export import backup restore verify attachments attach detach'
complete -c aios -n "__fish_seen_subcommand_from forget" -l dry-run -d 'only say how many'
complete -c aios -n "__fish_seen_subcommand_from forget" -l query -x -d 'whose text contains it'
complete -c aios -n "__fish_seen_subcommand_from forget" -l everything -d 'whatever the rest leaves open'
complete -c aios -n "__fish_seen_subcommand_from forget" -l since -xa 'today yesterday'
complete -c aios -n "__fish_seen_subcommand_from forget" -l until -xa 'today yesterday'
complete -c aios -n "__fish_seen_subcommand_from forget" -l session -x
complete -c aios -n "__fish_seen_subcommand_from forget" -l user -xa '(__fish_complete_users)'
complete -c aios -n "__fish_seen_subcommand_from forget" -l only -xa 'memories commands'
complete -c aios -n "__fish_seen_subcommand_from memory" -l everyone -d "everybody's"
complete -c aios -n "__fish_seen_subcommand_from memory" -l force -d 'do not ask'
complete -c aios -n "__fish_seen_subcommand_from context" -l budget -x -d 'characters'
complete -c aios -n "__fish_seen_subcommand_from backup" -l list -d 'those there are'
complete -c aios -n "__fish_seen_subcommand_from attach; and __fish_seen_subcommand_from memory" -l access \
    -xa 'read-only socket none read-write' -d 'what the machine sees'
complete -c aios -n "__fish_seen_subcommand_from mcp" -a 'list test'
complete -c aios -n "__fish_seen_subcommand_from mcp" -l wait-approval -x -d 'how long a human has'
complete -c aios -n "__fish_seen_subcommand_from mcp" -l allow-host -x -d 'a name of it'
complete -c aios -n "__fish_seen_subcommand_from mcp" -l http -x -d 'serve on this port of loopback'
complete -c aios -n "__fish_seen_subcommand_from history memory log" -s n -x -d 'at most so many'
complete -c aios -n "__fish_seen_subcommand_from history" -l since -xa 'today yesterday'
complete -c aios -n "__fish_seen_subcommand_from history" -l until -xa 'today yesterday'
complete -c aios -n "__fish_seen_subcommand_from history" -l action -xa 'install remove upgrade write read'
complete -c aios -n "__fish_seen_subcommand_from history" -l object -x
complete -c aios -n "__fish_seen_subcommand_from history" -l failed
complete -c aios -n "__fish_seen_subcommand_from history" -l outcome -xa 'ok failed'
complete -c aios -n "__fish_seen_subcommand_from history" -l session -x
complete -c aios -n "__fish_seen_subcommand_from history" -l everyone
complete -c aios -n "__fish_seen_subcommand_from approvals" -a 'grants revoke'
complete -c aios -n "__fish_seen_subcommand_from approvals" -l watch -d 'ask about each as it comes'
complete -c aios -n "__fish_seen_subcommand_from approvals" -l notify -d 'as desktop notifications'
set -l log "__fish_seen_subcommand_from log"
set -l no_log_action "$log; and not __fish_seen_subcommand_from show stats verify export"
complete -c aios -n "$no_log_action" -a show -d 'all of one command'
complete -c aios -n "$no_log_action" -a stats -d 'commands, counted'
complete -c aios -n "$no_log_action" -a verify -d 'whether the record is whole'
complete -c aios -n "$no_log_action" -a export -d 'records for verify elsewhere'
complete -c aios -n "$log" -s m -l machine -xa '(__aios_machines)' -d 'only this machine'
complete -c aios -n "$log" -s u -l user -xa '(__fish_complete_users)' -d "only this person's"
complete -c aios -n "$log" -l decision -xa 'auto_allow notify require_approval deny approved rejected expired withdrawn'
complete -c aios -n "$log" -l since -xa 'today yesterday'
complete -c aios -n "$log" -l until -xa 'today yesterday'
complete -c aios -n "$log" -l session -x
complete -c aios -n "$log" -l grep -x
complete -c aios -n "$log" -s f -l follow -d 'each record as it comes'
complete -c aios -n "$log" -l oneline -d 'lines'
complete -c aios -n "$log; and __fish_seen_subcommand_from verify" -l verify-key -x
complete -c aios -n "$log; and __fish_seen_subcommand_from verify" -F
set -l machine '__fish_seen_subcommand_from machine'
set -l machine_actions list show create start stop restart clone snapshot snapshots restore update rename remove export import shell login
complete -c aios -n "$machine; and not __fish_seen_subcommand_from $machine_actions" -a "$machine_actions"
complete -c aios -n "$machine; and __fish_seen_subcommand_from show start clone snapshot snapshots restore rename remove export" \
    -a '(__aios_images)'
complete -c aios -n "$machine; and __fish_seen_subcommand_from stop restart update shell login" -a '(__aios_machines)'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshots restore" -a '(__aios_snapshots)'
complete -c aios -n "$machine; and __fish_seen_subcommand_from list show create clone snapshot snapshots restore rename import" \
    -l json -d 'for programs'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshot snapshots restore" -l dry-run -d 'only say what would be done'
complete -c aios -n "$machine; and __fish_seen_subcommand_from remove snapshots restore" -l yes -d 'do not ask'
complete -c aios -n "$machine; and __fish_seen_subcommand_from stop remove" -l force -d 'kill it'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshot snapshots update" -l keep -x -d 'so many of that name stay'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshot snapshots" -l name -x -d 'several may have the same'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshot" -l note -x -d 'a line about it'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshot" -l freeze -d 'let it wait meanwhile'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshot" -l no-memory -d 'without the memory'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshot restore" -l stop -d 'stop it meanwhile'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshots" -l verify -d 'whether it is what it was'
complete -c aios -n "$machine; and __fish_seen_subcommand_from snapshots" -l remove -d 'these'
complete -c aios -n "$machine; and __fish_seen_subcommand_from restore" -l discard -d 'do not keep what is there now'
complete -c aios -n "$machine; and __fish_seen_subcommand_from restore" -l memory -d 'the memory, too'
complete -c aios -n "$machine; and __fish_seen_subcommand_from restore" -l settings -d 'its .nspawn file, too'
complete -c aios -n "$machine; and __fish_seen_subcommand_from create import" -l network -xa 'veth host none'
complete -c aios -n "$machine; and __fish_seen_subcommand_from create import" -l private-users -d 'nobody on the host'
complete -c aios -n "$machine; and __fish_seen_subcommand_from create import" -l no-private-users -d 'those of the host'
complete -c aios -n "$machine; and __fish_seen_subcommand_from create" -l distro -xa 'debian ubuntu arch fedora'
complete -c aios -n "$machine; and __fish_seen_subcommand_from create" -l release -x
complete -c aios -n "$machine; and __fish_seen_subcommand_from create" -l refresh -d 'from packages of now'
complete -c aios -n "$machine; and __fish_seen_subcommand_from update" -l no-snapshot -d 'only upgrade'
complete -c aios -n "$machine; and __fish_seen_subcommand_from create" -l from -ra '(__aios_images)'
complete -c aios -n "$machine; and __fish_seen_subcommand_from export" -l compression -xa 'none gzip xz zstd'
complete -c aios -n "$machine; and __fish_seen_subcommand_from export" -l output -rF
complete -c aios -n "$machine; and __fish_seen_subcommand_from import" -F
