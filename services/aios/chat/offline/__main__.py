"""`aios plan` without the service: started by the client, as `aios policy test` is."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import cast, get_args

from aios.chat.offline import DATA, Brain, Distro
from aios.chat.offline.plan import Plan, batch, here, plan
from aios.text import print_json, visible

ABSTAINED = 4


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="aios plan")
    parser.add_argument("--batch", action="store_true")
    parser.add_argument("--distro", choices=get_args(Distro))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("words", nargs="*")
    given = parser.parse_args(argv)
    context = here(cast(Distro | None, given.distro))
    brain = Brain.load(DATA)
    try:
        if given.batch:
            return batch(brain, sys.stdin.buffer, sys.stdout, context)
        planned = plan(brain, " ".join(given.words), context)
        show(planned, as_object=given.json)
        sys.stdout.flush()
        return 0 if planned.command else ABSTAINED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads on; Python would flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def show(planned: Plan, *, as_object: bool) -> None:
    if as_object:
        print_json({"brain": "offline", **planned.as_dict()})
        return
    if planned.command:
        print(visible(planned.command))
        notes = [planned.why]
    else:
        notes = [planned.reason]
        if planned.suggestions:
            notes += ["Did you mean:", *(f"  {command}" for command in planned.suggestions)]
    if planned.unverified:
        notes.append(f"unverified, no list to look in: {', '.join(planned.unverified)}")
    for text in notes:
        print(visible(text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
