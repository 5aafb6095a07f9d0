#!/bin/bash
# Runs what comes over the virtio port "tests": a line of base64, a bash script. Answers with a line
# of three words: its exit status, its output, its error output, as base64.
exec <>/dev/virtio-ports/tests >&0
work=$(mktemp -d)
while read -r line; do
    base64 -d <<<"$line" >"$work/script"
    HOME=/root LANG=C.UTF-8 bash "$work/script" >"$work/out" 2>"$work/err" </dev/null
    printf '%s =%s =%s\n' "$?" "$(base64 -w0 "$work/out")" "$(base64 -w0 "$work/err")"
done
