# shellcheck shell=bash
# What an installation would do, said instead of done.

# plan_host USER MACHINE KEY
plan_host() {
    local user=$1 machine=$2 key=$3 packages unit
    [ ! -e /var/lib/aios-install ] || would "put back what an earlier installation, which did not end, had changed"
    packages=$(missing_packages host | paste -sd ' ')
    [ -z "$packages" ] || would "install packages: $packages"
    if [ -x /usr/bin/python3 ]; then
        _plan_files
    else
        would "install all of aios's files (which they are is known once there is python3)"
    fi
    for unit in "${SERVICES[@]/%/.socket}" "${SOCKETS[@]}" "${ENABLED[@]}"; do
        systemctl --quiet is-enabled "$unit" 2>/dev/null || would "enable $unit"
    done
    [ -z "$user" ] || _plan_user "$user"
    if [ -n "$machine" ] && [ ! -e "/var/lib/machines/$machine" ]; then
        would "make the machine $machine in /var/lib/machines/$machine and start it"
    fi
    [ -z "$key" ] || would "ask for the API key and keep it in $CREDENTIALS/$CREDENTIAL"
    [ -n "${WOULD:-}" ] || say "aios is installed already; nothing would change"
}

# On stdout: it is what was asked for.
would() {
    WOULD=yes
    printf 'would %s\n' "$*"
}

_plan_files() {
    local change plan
    if [ "$(cat "$LIB/venv/.wheels" 2>/dev/null)" != "$(wheels_path "$(python_version /)")" ]; then
        would "install Python packages in $LIB/venv: $(requirements | paste -sd ' ')"
    fi
    STAGED=$(mktemp -d --tmpdir=/run aios-plan.XXXXXX)
    trap 'rm -rf "$STAGED"' EXIT
    stage_files "$STAGED"
    plan=$(landing plan)
    [ -z "$plan" ] || while read -r change; do
        would "change: $change"
    done <<<"$plan"
}

_plan_user() {
    local group home
    for group in aios aios-admin systemd-journal; do
        _member "$1" "$group" || would "add $1 to the group $group"
    done
    home=$(home_of "$1")
    [ -e "$home/.config/syui/ai/gpt" ] || would "link $home/.config/syui/ai/gpt to the memory"
}
