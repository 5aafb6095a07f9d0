"""What is mistyped, and what is told beside what is asked."""

import pytest
from sentences import command, read

from aios.chat.offline import Abstain


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("shwo me teh runing servces", "systemctl list-units --no-pager --type=service"),
        ("restrat nginx plese", "systemctl restart nginx"),
        ("hwo much memroy is avialable", "free -h"),
        ("instal curl", "apt-get install -y curl"),
    ],
)
def test_usual_misspellings(sentence: str, expected: str) -> None:
    assert (command(sentence) or "").startswith(expected)


@pytest.mark.parametrize(
    ("sentence", "meant"),
    [
        ("remvoe the package vim", "apt-get remove -y vim"),
        ("reboto the machine", "systemctl reboot"),
        ("disalbe nginx", "systemctl disable nginx"),
    ],
)
def test_a_misspelled_order_is_shown_only(sentence: str, meant: str) -> None:
    result = read(sentence)
    assert isinstance(result, Abstain)
    assert result.suggestions == (meant,)


def test_another_letter_in_a_short_word_makes_another_word() -> None:
    assert command("list swaps") != command("list snaps") == "snap list"


@pytest.mark.parametrize(
    "sentence",
    [
        "my laptop is so slow, which processes use the most cpu?",
        "which processes use the most cpu? i think something hangs",
        "something is odd here, which processes use the most cpu",
    ],
)
def test_what_is_told_beside_a_question(sentence: str) -> None:
    assert (command(sentence) or "").startswith("ps aux --sort=-%cpu")


@pytest.mark.parametrize(
    "sentence",
    [
        "in /var/log, which processes use the most cpu",
        "my laptop is slow, delete x.txt",
        "i only mean those of bob, which processes use the most cpu",
        "on the other machine, which processes use the most cpu",
        "which processes use the most cpu, but not those of root",
    ],
)
def test_what_is_told_may_matter(sentence: str) -> None:
    assert command(sentence) is None


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("replace foo with bar in x.ini", "sed -i 's/foo/bar/g' x.ini"),
        ("replace 1.2 by 1.3 in x.ini", r"sed -i 's/1\.2/1.3/g' x.ini"),
        ("replace 'a/b' with c in x.ini", None),
        ("replace \"a'b\" with c in x.ini", None),
        ("replace foo with '&' in x.ini", None),
        ("append the line \"it's\" to x.txt", "printf '%s\\n' 'it'\"'\"'s' >> x.txt"),
        ("restart the docker container '-f'", None),
        ("copy my ssh key to bob@10.0.0.5", "ssh-copy-id bob@10.0.0.5"),
        ("mount /dev/sdb1 on /mnt/usb", "mount /dev/sdb1 /mnt/usb"),
        ("mount the drive", None),
        ('move "a b.txt" to /tmp', "mv 'a b.txt' /tmp"),
        ('delete the file "-rf"', "rm ./-rf"),
        ('delete the file "a; reboot"', "rm 'a; reboot'"),
        ("empty the file app.log", "truncate -s 0 app.log"),
        ("install python 3.12", None),
        ("search for TODO in all php files", "grep -rn --include='*.php' -e TODO ."),
    ],
)  # fmt: skip
def test_values_are_quoted_or_refused(sentence: str, expected: str | None) -> None:
    assert command(sentence) == expected
