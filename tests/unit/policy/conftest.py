"""A jail with nothing in it but bash and stubs that note the words they are called with."""

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

BASH = shutil.which("bash")
ENTER = Path(__file__).with_name("jail.py")
# Any name may be run; these are what a line of the tests could run.
STUBS = (
    "ls", "cat", "grep", "wc", "date", "a", "b", "DENIED", "rm", "mkfs", "mkfs.ext4", "dd", "sh",
    "bash", "env", "sudo", "xargs", "find", "nice", "nohup", "timeout", "touch", "git",
    "uniq", "sort", "sed", "du", "stdbuf", "reboot",
)  # fmt: skip
# Counted words: nothing that a line says can be taken for the end of a call. bash writes at each
# line end, and others that run at the same time would write in between: one write has none.
LINE_END = "\x01"
STUB = """#!/lib/bash
printf '%s\\0' "$LINE_ID" "$#" "${0##*/}" "${@//$'\\n'/$'\\x01'}" >&9
"""
# Standard input stays silent: reading it is a way to wait. A line has a second, and so has what it
# leaves in the background; all of it is done when nothing but process 1, which this is, is left.
DRIVER = """
exec 7<&0
set -m
number=0
while IFS= read -r -d '' line <&8; do
    LINE_ID=$number /lib/bash -c "$line" 7<&- 8<&- </dev/null >/dev/null 2>&1 &
    child=$!
    { read -r -t 1; kill -9 -- "-$child"; } <&7 8<&- 9>&- &
    wait "$child"
    number=$((number + 1))
done
echo "$number"
for ((i = 0; i < 100; i++)); do
    kill -0 -1 2>/dev/null || exit 0
    read -r -t 0.05
done
kill -9 -1
"""
Calls = dict[int, list[tuple[str, ...]]]


class Jail:
    def __init__(self, where: Path) -> None:
        self.tree, self.inside = where / "tree", where / "inside"
        self.lines, self.seen = where / "lines", where / "seen"
        for name in ("lib", "stubs", "yard", "dev"):
            (self.tree / name).mkdir(parents=True)
        self.inside.mkdir()
        for name in ("one", "two"):  # something for globs to find
            (self.tree / "yard" / name).touch()
        (self.tree / "dev/null").touch()
        (self.tree / "lib/driver").write_text(DRIVER)
        shutil.copy(BASH or "", self.tree / "lib/bash")
        linked = subprocess.run(["ldd", BASH or ""], capture_output=True, text=True, check=True)
        for library in (word for word in linked.stdout.split() if word.startswith("/")):
            copy = self.tree / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, copy)
        for name in STUBS:
            (self.tree / "stubs" / name).write_text(STUB)
            (self.tree / "stubs" / name).chmod(0o755)

    def run(self, lines: Sequence[str], *, seconds: float = 60) -> Calls:
        """What each line ran, by its number."""
        self.lines.write_bytes(b"".join(line.encode() + b"\0" for line in lines))
        self.seen.write_bytes(b"")
        command = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts"]
        if os.getuid() != 0:
            command += ["--user", "--map-user=65534", "--map-group=65534", "--keep-caps"]
        command += ["--propagation=private", "--fork", "--kill-child"]
        command += [sys.executable, "-ISB", str(ENTER), str(self.tree), str(self.inside)]
        with self.lines.open("rb") as given, self.seen.open("ab") as seen:
            process = subprocess.Popen(
                [*command, str(given.fileno()), str(seen.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(given.fileno(), seen.fileno()),
                text=True,
            )
            with process:
                assert process.stdout is not None
                assert process.stderr is not None
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:
                    process.kill()  # and with it, by --kill-child, all that is in the jail
                    pytest.fail(f"the jail was not done after {seconds} s")
                done, said = process.stdout.read(), process.stderr.read()
        if process.returncode != 0 or done != f"{len(lines)}\n":
            pytest.fail(
                "no jail to run bash in (this needs root, or user namespaces for everybody): "
                f"status {process.returncode}, {done!r} of {len(lines)} lines: {said}"
            )
        return _calls(self.seen.read_text().replace(LINE_END, "\n").split("\0")[:-1])


def _calls(words: Iterable[str]) -> Calls:
    calls: Calls = defaultdict(list)
    rest = iter(words)
    for number in rest:
        count = int(next(rest))
        calls[int(number)].append(tuple(next(rest) for _ in range(count + 1)))
    return calls


@pytest.fixture(scope="session")
def jail(tmp_path_factory: pytest.TempPathFactory) -> Jail:
    if BASH is None or shutil.which("unshare") is None:
        pytest.fail("bash and unshare are needed to compare with a real bash in a jail")
    return Jail(tmp_path_factory.mktemp("jail"))
