"""Laws for every line: company, wrapping, quoting, spacing and order never make milder."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy

COMMANDS = [
    "ls -la /srv", "cat /etc/hosts", "grep -n x y", "find . -name a", "mkdir /srv/x",
    "apt-get install -y vim", "systemctl start x", "systemctl stop x", "rm -r -f /srv/x",
    "rm -rf /", "rm --recursive --force /usr", "mkfs.ext4 /dev/sdb1", "chmod -R 777 /",
    "dd if=x of=/dev/sda", "cat /etc/shadow", "sort -o x y", "sed -i s/a/b/ x",
    "awk '{print $1}' x",
    "awk '{print > $1}' x", "git log", "git -c a=b log", "sudo ls", "ls > x", "ip link set x down",
    "docker run x", "sysctl a=1", "frobnicate", "date -s 1", "find . -delete", "echo $X", "$X",
    "pacman -Rns x", "iptables -F", "userdel root", "python3 -c 1", "bash -c 'rm -rf /'",
]  # fmt: skip
SHAPES = [
    "{}; ls", "ls; {}", "ls && {}", "{} || ls", "ls | {}", "{} | cat", "{} & ls", "ls\n{}",
    "( {} )",
    "{{ {}; }}", "if {}; then ls; fi", "if ls; then {}; fi", "while {}; do ls; done",
    "for i in a b; do {}; done", "case x in x) {};; esac", "! {}", "echo $({})", 'echo "$({})"',
    "cat <({})", "cat <<E\n$({})\nE", "ls # x\n{}", "{} # x", "  {}", "{}  ;", "{}\n", "time {}",
    "f() {{ {}; }}; f", "[ -f x ] && {}", "\t{}",
]  # fmt: skip
WRAPPERS = [
    "nice {}", "nohup {}", "timeout 5 {}", "sudo {}", "env {}", "command {}", "xargs {}",
    "stdbuf -o0 {}", "exec {}", "watch {}", "busybox {}", "ssh x {}", "setsid {}", "ionice {}",
]  # fmt: skip
PIECES = st.sampled_from(
    ["ls", " ", "\n", ";", "&&", "|", "'", '"', "`", "$(", ")", "(", "{ ", "}", "\\", "#", "<<E",
     "\nE\n", "$'", "${x:-", "$((", "))", "case x in ", " esac", ";;", "if ", "; then ", "; fi",
     "[[ ", " ]]", ">", "<", "&", "!", "time ", "x=", "$x", "*", "[", "~", "{a,b}", "rm -rf /",
     "\r", "\u200b", "\ue000", "é"]
)  # fmt: skip
LINE = st.lists(PIECES, max_size=14).map("".join)
PLAIN = re.compile(r"[a-z0-9./-]+")
BYTES = st.binary(max_size=60).map(lambda data: data.decode("latin-1"))
# A wrapper takes a simple command: `nice { ls; }` runs nothing.
WRAPPINGS = st.tuples(
    st.lists(st.sampled_from(WRAPPERS), max_size=2), st.lists(st.sampled_from(SHAPES), max_size=2)
).map(lambda both: both[0] + both[1])
QUICK = settings(
    max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
LONG = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
SHIPPED_POLICY = Policy.load([SHIPPED])


def decide(line: str) -> Decision:
    return SHIPPED_POLICY.check(line, "aios", user="me").decision


def strictest(first: str, second: str) -> None:
    for separator in ("; ", "\n", " && ", " | ", " & "):
        both = decide(first + separator + second)
        assert both >= max(decide(first), decide(second)), (first, separator, second)


def shaped(command: str, shapes: list[str]) -> None:
    line, before = command, decide(command)
    for shape in shapes:
        line = shape.format(line)
        after = decide(line)
        assert after >= before, line
        before = after


def never_crashes(line: str) -> None:
    alone = decide(line)
    if "#" not in line and "<<" not in line and "\\" not in line:
        assert decide(line + "\nfrobnicate") >= max(alone, Decision.REQUIRE_APPROVAL), line


@given(st.sampled_from(COMMANDS), st.sampled_from(COMMANDS))
@QUICK
def test_a_line_is_as_strict_as_its_strictest_part(first: str, second: str) -> None:
    strictest(first, second)


@given(st.sampled_from(COMMANDS), WRAPPINGS)
@QUICK
def test_no_shape_makes_it_milder(command: str, shapes: list[str]) -> None:
    shaped(command, shapes)


@given(st.permutations(["-r", "-f", "-v", "/"]), st.sampled_from(["", "-- "]))
@QUICK
def test_options_in_any_order(words: list[str], end: str) -> None:
    assert decide("rm " + " ".join(words[:-1]) + " " + end + words[-1]) >= (
        Decision.DENY if not end or words[-1] == "/" else Decision.REQUIRE_APPROVAL
    )


@given(st.sampled_from(COMMANDS), st.data())
@QUICK
def test_no_quoting_makes_it_milder(command: str, data: st.DataObject) -> None:
    words = command.split(" ")
    plain = [n for n, word in enumerate(words) if PLAIN.fullmatch(word)]
    if not plain:
        return
    index = data.draw(st.sampled_from(plain))
    word = words[index]
    at = data.draw(st.integers(0, len(word) - 1))
    how = data.draw(st.sampled_from(["'{}'", '"{}"', "\\{}", "''{}", "{}\\\n", "$'{}'"]))
    words[index] = word[:at] + how.format(word[at]) + word[at + 1 :]
    line = data.draw(st.sampled_from([" ", "  ", "\t", " \\\n"])).join(words)
    if "'" not in command:
        assert decide(line) >= decide(command), line


@given(LINE | st.text(max_size=60) | BYTES)
@QUICK
def test_any_text_is_decided(line: str) -> None:
    never_crashes(line)


@pytest.mark.long
@given(LINE)
@LONG
def test_any_text_is_decided_long(line: str) -> None:
    never_crashes(line)


@pytest.mark.long
@given(st.sampled_from(COMMANDS), WRAPPINGS)
@LONG
def test_no_shape_makes_it_milder_long(command: str, shapes: list[str]) -> None:
    shaped(command, shapes)


def test_time_is_linear_in_the_length(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Printed; the bound is loose, as the machine is shared."""
    for unit in ("ls -la /srv | cat; ", "echo 'a b' \"$x\" && ", "a"):
        took = []
        for size in (32, 64):
            text = (unit * (size * 1024 // len(unit)) + "ls")[: size * 1024]
            started = time.process_time()
            decide(text)
            took.append(time.process_time() - started)
        with capsys.disabled():
            print(f"\n32 KiB {took[0] * 1000:.0f} ms, 64 KiB {took[1] * 1000:.0f} ms: {unit!r}")
        assert took[1] < 3
