import time

import pytest
from sentences import brain, command, context, read

from aios.chat.offline import DATA, Abstain, Brain, Distro, Listed, Proposal


@pytest.mark.parametrize(
    ("sentence", "debian", "arch", "fedora"),
    [
        ("install tree", "apt-get install -y tree", "pacman -S --needed --noconfirm tree",
         "dnf install -y tree"),
        ("remove vim", "apt-get remove -y vim", "pacman -R --noconfirm vim", "dnf remove -y vim"),
        ("list installed packages", "dpkg -l", "pacman -Q", "rpm -qa"),
        ("who owns /bin/ls", "stat /bin/ls", "stat /bin/ls", "stat /bin/ls"),
        ("which package owns /bin/ls", "dpkg -S /bin/ls", "pacman -Qo /bin/ls", "rpm -qf /bin/ls"),
    ],
)  # fmt: skip
def test_distributions(sentence: str, debian: str, arch: str, fedora: str) -> None:
    expected: dict[Distro, str] = {"debian": debian, "arch": arch, "fedora": fedora}
    assert {distro: command(sentence, distro=distro) for distro in expected} == expected


def test_names_have_to_exist() -> None:
    result = read("install treee")
    assert result == Abstain("there is no package called treee here", ("apt-cache search treee",))
    result = read("restart nginxx")
    assert isinstance(result, Abstain)
    assert result.suggestions == ("systemctl list-unit-files '*nginxx*'",)


def test_without_a_list_names_are_unverified() -> None:
    result = read("install tree and nmap", packages=Listed())
    assert isinstance(result, Proposal)
    assert (result.command, result.unverified) == ("apt-get install -y tree nmap", ("tree", "nmap"))


def test_without_a_list_words_are_no_names() -> None:
    for sentence in (
        "install updates",
        "install restart",
        "install it",
        "remove file",
        "install time",
    ):
        result = read(sentence, packages=Listed())
        assert not isinstance(result, Proposal) or "upgrade" in result.command, sentence


def test_people_call_packages_otherwise() -> None:
    assert command("install docker") == "apt-get install -y docker.io"
    assert command("restart apache") == "systemctl restart apache2"
    arch = Listed.of(["docker", "apache"])
    assert command("install docker", distro="arch", packages=arch) == (
        "pacman -S --needed --noconfirm docker"
    )


def test_only_what_an_intent_needs_is_looked_up() -> None:
    assert brain().parse("show disk usage of /var").packages == ()
    draft = brain().parse("install tree")
    assert draft.packages == ("tree",)
    assert draft.units == ()
    assert "nginx" in brain().parse("is nginx running").units


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("install tree and then restart nginx",
         "apt-get install -y tree && systemctl restart nginx"),
        ("install nginx and start it", "apt-get install -y nginx && systemctl start nginx"),
        ("show disk usage of /var, then list users", "du -sh /var && getent passwd"),
        ("create user bob and add him to the docker group",
         "useradd -m bob && usermod -aG docker bob"),
        ("install git and vim", "apt-get install -y git vim"),
        ("install tree and then do something nice", None),
        ("restart nginx and then nginy", None),
        ("install tree and make it faster", None),
        ("install tree; rm -rf /", None),
        ("install tree. restart nginx.", "apt-get install -y tree && systemctl restart nginx"),
    ],
)  # fmt: skip
def test_compounds_are_whole_or_nothing(sentence: str, expected: str | None) -> None:
    assert command(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("delete the file 'my notes.txt'", "rm 'my notes.txt'"),
        ('delete "/srv/my notes.txt"', "rm '/srv/my notes.txt'"),
        ("show the size of '/srv/$(reboot)'", "du -sh '/srv/$(reboot)'"),
        ('search "it\'s" in /srv', "grep -rn -e 'it'\"'\"'s' /srv"),
        ("find files named *.conf in /etc", "find /etc -name '*.conf'"),
    ],
)
def test_values_are_quoted(sentence: str, expected: str | None) -> None:
    assert command(sentence) == expected


def test_home() -> None:
    assert command("how big is ~/Downloads") == "du -sh ~/Downloads"
    assert command("how big is ~/Downloads", home="/home/ai") == "du -sh /home/ai/Downloads"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("show memroy usage", "free -h"),
        ("list proccesses", "ps aux"),
        ("instal tree", "apt-get install -y tree"),  # a known way to write it
        ("resart nginx", "systemctl restart nginx"),
        ("delte the file x.txt", None),
    ],
)
def test_slips_of_the_finger_only_where_nothing_changes(
    sentence: str, expected: str | None
) -> None:
    assert command(sentence) == expected


def test_why_is_for_people() -> None:
    result = read("how big is /var/log")
    assert isinstance(result, Proposal)
    assert result.why == "Shows how much space /var/log takes."
    assert not result.changes


def test_a_question_is_no_order() -> None:
    result = read("restart nginx?")
    assert isinstance(result, Abstain)
    assert result.suggestions == ("systemctl restart nginx",)
    assert command("can you restart nginx?") == "systemctl restart nginx"


def test_how_to_is_answered_with_did_you_mean() -> None:
    result = read("how do i see the open ports?")
    assert isinstance(result, Abstain)
    assert result.suggestions == ("ss -tln",)


def test_suggestions_are_three_at_most_and_change_nothing() -> None:
    result = read("disk things for the big partition users of memory")
    assert isinstance(result, Abstain)
    assert len(result.suggestions) <= 3


@pytest.mark.parametrize(
    "text",
    ["", "   ", "?!", "a" * 5000, "install tree\u202e", "install tree\x00", "install \ntree\nvim"],
)
def test_odd_input(text: str) -> None:
    assert isinstance(read(text), Abstain)


def test_anything_is_read() -> None:
    """No text makes it fail: pieces of sentences, put together without sense."""
    pieces = [
        "show",
        "/var",
        '"x',
        "'",
        "(",
        "[",
        "*",
        "~",
        "5",
        "10.0.0.1",
        "since",
        "on",
        "31",
        "february",
        ",",
        ";",
        "and",
        "then",
        "it",
        "nginx",
        "::",
    ]
    for shift in range(1, len(pieces), 4):
        for start in range(len(pieces)):
            text = " ".join(pieces[(start + shift * n) % len(pieces)] for n in range(6))
            read(text)


def test_speed() -> None:
    started = time.process_time()
    loaded = Brain.load(DATA)
    assert time.process_time() - started < 0.5  # 0.1 s where nobody else is; CI is crowded
    given = context()
    started = time.process_time()
    for _ in range(20):
        loaded.read("show me the ten biggest files in my home directory please", given)
    assert (time.process_time() - started) / 20 < 0.02


def test_a_name_that_is_not_there_is_no_reason_for_a_worse_reading() -> None:
    result = read("is cron running", units=Listed(frozenset({"dbus"})))
    assert isinstance(result, Abstain)
    assert "cron" in result.reason
