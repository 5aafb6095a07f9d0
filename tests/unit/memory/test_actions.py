"""What commands mean for the history."""

import pytest

from aios.memory.actions import command_in, entities, tagged


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("apt-get install -y tree", [("install", ("tree",))]),
        ("sudo env X=1 apt-get -y install tree htop", [("install", ("tree", "htop"))]),
        ("bash -c 'apt remove tree'", [("remove", ("tree",))]),
        ("apt-get update && apt-get -y upgrade", [("refresh", ()), ("upgrade", ())]),
        ("apt-get install -t stable tree", [("install", ("tree",))]),
        ("apt install nginx=1.22.1-9", [("install", ("nginx",))]),
        ("pacman -S --noconfirm vim", [("install", ("vim",))]),
        ("pacman -Rns vim", [("remove", ("vim",))]),
        ("pacman -Syu", [("upgrade", ())]),
        ("pacman -Ss vim", [("package-query", ("vim",))]),
        ("dnf -y remove vim", [("remove", ("vim",))]),
        ("dpkg -i ./x.deb", [("install", ("./x.deb",))]),
        ("python3 -m pip install flask==3.0", [("install", ("flask",))]),
        ("npm install -g left-pad@1.0", [("install", ("left-pad",))]),
        ("systemctl restart nginx.service", [("service-restart", ("nginx",))]),
        ("systemctl enable --now docker",
         [("service-enable", ("docker",)), ("service-start", ("docker",))]),
        ("service nginx stop", [("service-stop", ("nginx",))]),
        ("cat /etc/hosts", [("read", ("/etc/hosts",))]),
        ("echo x > /etc/y 2>&1", [("write", ("/etc/y",)), ("config", ("/etc/y",))]),
        ("sed -i s/a/b/ /etc/ssh/sshd_config",
         [("edit", ("/etc/ssh/sshd_config",)), ("config", ("/etc/ssh/sshd_config",)),
          ("write", ("/etc/ssh/sshd_config",))]),
        ("sudo tee /etc/z <<< x", [("write", ("/etc/z",)), ("config", ("/etc/z",))]),
        ("cp a.conf /etc/a.conf", [("copy", ("a.conf", "/etc/a.conf")),
                                   ("config", ("/etc/a.conf",))]),
        ("useradd -m -s /bin/bash bob", [("user-add", ("bob",)), ("user", ("bob",))]),
        ("docker run -d --name web -p 80:80 nginx:latest",
         [("container-start", ("nginx",)), ("container", ("nginx",))]),
        ("scp x.tar root@web1:/srv", [("upload", ("x.tar",)), ("network", ("web1",)),
                                      ("remote", ("web1",)), ("copy", ("x.tar",))]),
        ("git commit -m 'apt install tree'", [("git-commit", ()), ("git", ())]),
        ("for i in 1 2; do systemctl stop a; done", [("service-stop", ("a",))]),
        ("cat <<E\napt install tree\nE", [("read", ())]),
        ("ls 2>/dev/null", [("read", ())]),
        ("echo apt-get install tree", [("other", ())]),
        ("'unfinished", [("other", ())]),
        ("", [("other", ())]),
    ],
)  # fmt: skip
def test_tags(command: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(one.action, one.objects) for one in tagged(command)] == expected


def test_entities_have_kinds() -> None:
    command = "curl -O https://me:x@files.lab/a.tgz && systemctl restart nginx && apt install jq"
    named = {(one.kind, one.name) for one in entities(command, tagged(command))}
    assert named == {
        ("host", "files.lab"), ("file", "a.tgz"), ("unit", "nginx"), ("package", "jq"),
        ("program", "curl"), ("program", "systemctl"), ("program", "apt"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("install nginx: apt install -y nginx", "apt install -y nginx"),
        ("the web server\n$ apt install nginx", "apt install nginx"),
        ("put it on → `dnf install nginx`", "dnf install nginx"),
        ("make -j4", "make -j4"),
        ("just words", "just words"),
    ],
)
def test_a_record_may_have_words_about_its_command(text: str, command: str) -> None:
    assert tagged(command_in(text)) == tagged(command)
