# shellcheck shell=bash
# The key of the model's API. It is a variable of this shell's, and goes to systemd-creds through a
# pipe: it is in no argument, environment or file.

CREDENTIAL=aios.anthropic-api-key
CREDENTIALS=/etc/credstore.encrypted

# read_key ask|stdin → API_KEY
read_key() {
    case $1 in
    ask)
        [ -t 0 ] || die "there is no terminal to ask for the API key on" \
            "--api-key - reads it from standard input."
        # The terminal is put right by read itself, also when it is interrupted.
        IFS= read -rs -p "API key: " API_KEY || true
        echo >&2
        ;;
    stdin) IFS= read -r API_KEY || true ;;
    esac
    [[ $API_KEY =~ ^[[:graph:]]+$ ]] || die "that is no API key" \
        "It is one line without spaces; nothing was changed."
}

store_key() {
    local new=$CREDENTIALS/$CREDENTIAL.new
    [ -n "${API_KEY:-}" ] || return 0
    changed
    make_directory "$CREDENTIALS" 0700
    undo_file "$CREDENTIALS/$CREDENTIAL"
    undo rm -f "$new"
    rm -f "$new"
    printf %s "$API_KEY" | systemd-creds encrypt --name="$CREDENTIAL" - "$new"
    API_KEY=
    chmod 0600 "$new"
    mv "$new" "$CREDENTIALS/$CREDENTIAL"
    # It reads its credential when it starts.
    systemctl try-restart aios-chat.service
    say "the API key is kept, encrypted, in $CREDENTIALS/$CREDENTIAL"
}
