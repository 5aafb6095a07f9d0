"""`aios policy check --batch, explain, cat, test, suggest, diff`: started by the client in the
services' own interpreter, which has what the library needs."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from aios.errors import AiosError, ConfigError
from aios.policy.tool import asker, batch, cases, comparison, explanation, listing, suggestion
from aios.policy.tool.asker import Asker
from aios.policy.tool.lines import DEFAULT_MACHINE
from aios.text import visible

FAILED = 125
UNREADABLE = 2
_STATUS = {"auto_allow": 0, "notify": 0, "require_approval": 1, "deny": 126}


def main(argv: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        try:
            status: int = given.run(given)
        finally:
            sys.stdout.flush()
    except AiosError as error:
        print(f"aios: {visible(error.message)}", file=sys.stderr)
        if error.hint:
            print(f"  {visible(error.hint)}", file=sys.stderr)
        return UNREADABLE if isinstance(error, ConfigError) else FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads on; Python would flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aios policy")
    actions = parser.add_subparsers(dest="action", required=True)

    config = argparse.ArgumentParser(add_help=False)
    config.add_argument(
        "--config", type=Path, metavar="FILE",
        help="this file is the only configuration: no shipped rules, none of /etc/aios",
    )  # fmt: skip
    about = argparse.ArgumentParser(add_help=False)
    about.add_argument("-m", "--machine", default=DEFAULT_MACHINE, help="default: aios")
    about.add_argument("-u", "--user", help="for another user; for root and aios-admin only")
    about.add_argument("--json", action="store_true", help="one object")
    about.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")

    def add(name: str, what: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        found = actions.add_parser(
            name, description=what, parents=list(parents), allow_abbrev=False
        )
        found.set_defaults(run=_RUN[name])
        return found

    check = add("check", "What would be decided, by files instead of the service.", config, about)
    check.add_argument(
        "--batch", action="store_true",
        help='answers JSON lines {"id", "command", "machine"?, "user"?} on standard input',
    )  # fmt: skip
    add("explain", "A command line as a tree, with what decides each part.", config, about)
    shown = add("cat", "The policy in force, each rule with its FILE:LINE.", config)
    shown.add_argument("--json", action="store_true", help="one object")
    test = add(
        "test",
        'Self-tests of the policy, then files of JSON lines {"command", "machine"?, "user"?,'
        ' "expect", "why"?}. Ends with 1 when a case is decided otherwise.',
        config,
    )
    test.add_argument("files", nargs="*", type=Path, metavar="FILE")
    suggest = add(
        "suggest",
        "Rules for commands that were approved again and again, from the audit, as TOML. Read them"
        " before you use them.",
    )
    suggest.add_argument(
        "-n", type=int, default=suggestion.OFTEN, metavar="N",
        help=f"approved at least so often ({suggestion.OFTEN})",
    )  # fmt: skip
    difference = add(
        "diff", "What differs between two files' rules. Ends with 1 when something does."
    )
    difference.add_argument(
        "--cases", type=Path, metavar="FILE", help="JSON lines to decide by both"
    )
    difference.add_argument("old", type=Path, metavar="A")
    difference.add_argument("new", type=Path, metavar="B")
    return parser


def _asker(given: argparse.Namespace) -> Asker:
    """A file that is the only configuration leaves out a user's own rules as well."""
    own = given.config is None
    policy = asker.installed() if given.config is None else asker.alone(given.config)
    name = getattr(given, "user", None)
    return asker.somebody(policy, name, own=own) if name else asker.myself(policy, own=own)


def _command(given: argparse.Namespace) -> str:
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not words:
        raise SystemExit(_usage("no COMMAND"))
    return words[0] if len(words) == 1 else shlex.join(words)


def _usage(message: str) -> int:
    print(f"aios policy: {message}\n  aios policy --help", file=sys.stderr)
    return 2


def _check(given: argparse.Namespace) -> int:
    if given.batch:
        if given.command:
            return _usage("--batch reads commands from standard input")
        return batch.main(_asker(given), machine=given.machine)
    command = _command(given)
    verdict = explanation.verdict(_asker(given), command, given.machine, as_object=given.json)
    return _STATUS[verdict.decision]


def _explain(given: argparse.Namespace) -> int:
    command = _command(given)
    return explanation.show_tree(_asker(given), command, given.machine, as_object=given.json)


def _cat(given: argparse.Namespace) -> int:
    found = _asker(given)
    return listing.show(found.policy, found.own, as_object=given.json)


def _test(given: argparse.Namespace) -> int:
    return cases.run(_asker(given), given.files)


def _suggest(given: argparse.Namespace) -> int:
    return suggestion.run(asker.installed(), given.n)


def _diff(given: argparse.Namespace) -> int:
    return comparison.run(given.old, given.new, given.cases)


_RUN = {
    "check": _check, "explain": _explain, "cat": _cat, "test": _test, "suggest": _suggest,
    "diff": _diff,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
