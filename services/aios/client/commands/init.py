"""aios init: what a shell evaluates so that Alt-E turns the line typed into a command to review."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

SHELLS = {
    "bash": r"""
__aios_plan() {
    local command
    [ -n "$READLINE_LINE" ] || return 0
    if command=$(aios plan -- "$READLINE_LINE" </dev/null); then
        READLINE_LINE=$command
        READLINE_POINT=${#READLINE_LINE}
    fi
}
bind -x '"\ee": __aios_plan'
""",
    "zsh": r"""
__aios_plan() {
    local command
    [ -n "$BUFFER" ] || return 0
    zle -I
    if command=$(aios plan -- "$BUFFER" </dev/null); then
        BUFFER=$command
        CURSOR=${#BUFFER}
    fi
}
zle -N __aios_plan
bindkey '\ee' __aios_plan
""",
    "fish": r"""
function __aios_plan
    set -l line (commandline | string collect)
    test -n "$line"; or return
    set -l command (aios plan -- $line </dev/null | string collect)
    if test -n "$command"
        commandline -r -- $command
    end
    commandline -f repaint
end
bind \ee __aios_plan
""",
}
EPILOG = """\
In ~/.bashrc, ~/.zshrc:       eval "$(aios init bash)"
In config.fish:               aios init fish | source

Then write what you want on the command line, and press Alt-E: the line becomes a command that you
look at, change, and run by Enter, or not. Nothing runs before. Where there is no command for it,
the line stays and the reason is told.

exit status: 0; 2 there is no such shell here.
"""


def main(name: str, arguments: Sequence[str]) -> int:
    from argparse import RawDescriptionHelpFormatter

    parser = ArgumentParser(
        prog="aios init",
        description="Prints what makes Alt-E, in a shell, turn the line typed into a command.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=tuple(SHELLS))
    given = parser.parse_args(arguments)
    sys.stdout.write(SHELLS[given.shell].lstrip("\n"))
    return 0
