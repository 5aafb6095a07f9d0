"""What is struck out of a text, and what is not."""

import pytest

from aios.redact import MARK, redact

WORD = "Zk8vQ2xR7mN4pT9w"
KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
)

# The secret of each is WORD, or what the second says.
SECRETS = [
    f"export DB_PASSWORD={WORD}",
    f"DB_PASS='{WORD}' ./run",
    f'API_KEY="{WORD}" make',
    f"mysql -u root -p{WORD} shop",
    f"mysqldump --password={WORD} shop",
    f"psql postgresql://me:{WORD}@db.example/shop",
    f"git clone https://me:{WORD}@git.example/x.git",
    f"git clone https://oauth2:{WORD}@git.example/x.git /srv/x",
    f"curl -u me:{WORD} https://api.example",
    f"curl --user 'me:{WORD}' https://api.example",
    f"curl -H 'Authorization: Bearer {WORD}' https://api.example",
    f'curl -H "Authorization: Basic {WORD}=="  https://api.example',
    f"curl -H 'X-Api-Key: {WORD}' https://api.example",
    f"curl -H 'PRIVATE-TOKEN: {WORD}' https://gitlab.example",
    f"curl 'https://api.example/v1?user=me&access_token={WORD}&x=1'",
    f"curl 'https://maps.example/?key={WORD}'",
    f"curl -b x -H 'Cookie: session={WORD}; a=b' https://example",
    f"sshpass -p {WORD} ssh me@host",
    f"sshpass -p'{WORD}' ssh me@host",
    f"docker login -u me -p {WORD} registry.example",
    f"tool --token {WORD} --verbose",
    f"tool --api-key={WORD}",
    f"tool --client-secret '{WORD}'",
    f"redis-cli -h db -a {WORD} ping",
    f"echo 'me:{WORD}' | chpasswd",
    f"echo {WORD} | sudo -S apt-get update",
    f"openssl enc -aes-256-cbc -pass pass:{WORD} -in a -out b",
    f"ldapsearch -x -D cn=admin -w {WORD}",
    f"smbclient //host/share -U me%{WORD}",
    f'{{"user": "me", "password": "{WORD}"}}',
    f"password: {WORD}",
    f"aws_secret_access_key = {WORD}",
    f"my wifi password is {WORD}.",
    f"The passphrase was {WORD}",
    f"Wi-Fiのパスワードは{WORD}です",
    f"wpa_passphrase home && psk={WORD}",
    f"authorization: token {WORD}",
    f"curl -X POST -d client_secret={WORD} https://id.example",
    f"token: {WORD}",
]
TOKENS = [
    "sk-ant-api03-" + "aB3" * 20,
    "sk-proj-" + "x9Y" * 12,
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "11AB_c" * 10,
    "glpat-" + "x1" * 10,
    "AKIA" + "ABCDEFGH12345678",
    "AIza" + "SyA1b2C3d4" * 3 + "e5F6g",
    "xoxb-" + "123456789012-abcdef",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "npm_" + "a1B2c3" * 6,
    "hf_" + "aBcDeF" * 6,
    "hvs." + "CAESIJ12" * 4,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "123456789:AA" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456",
]
PLAIN = [
    "ls -la /etc/passwd",
    "passwd me",
    "cat ~/.ssh/id_ed25519.pub",
    "cd /srv && PWD=/srv make",
    "export PASSWORD_FILE=/run/secrets/db",
    "export TOKEN=$(cat /run/token)",
    'curl -H "Authorization: Bearer $TOKEN" https://api.example',
    "mysql -p shop",
    "mysql -u root -p",
    "psql postgresql://me:$PASSWORD@db/shop",
    'tool --token "$TOKEN"',
    "tool --password-file /run/x",
    "docker run -p 8080:80 nginx",
    "ssh -p 2222 me@host",
    "git clone https://git.example/x.git",
    "git clone git@github.com:owner/name.git",
    "curl -u me https://api.example",
    "curl 'https://example/?q=password&page=2'",
    "apt-get install passwdqc pass pwgen",
    "systemctl restart secret-service",
    "The password is stored in the safe.",
    "I changed my password yesterday",
    "The password was changed",
    "Tokens are counted by the model",
    "the secret is patience",
    "git rev-parse 4f2a8c0d9e1b3a5c7f6e8d0b2a4c6e8f0a1b3c5d",
    "sha256sum: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "uuid 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "id 01K9ZV3QW8X7Y6T5R4E3W2Q1A0",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHx me@host",
    "echo done | tee log",
    "echo 'hello world' | grep hello",
    "sed -n 's/a/b/p' secret.txt",
    "the author's key idea: caching",
    "Keyboard: US layout",
    "task-runner sk-small",
    "rsync -a a@b:/c /d",
    "http://[::1]:8080/path@x",
    "mailto:me@example.org",
    "パスワードを変更した",
    "bearer of good news",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_struck_out(text: str) -> None:
    assert WORD not in redact(text)
    assert MARK in redact(text)


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:8])
def test_a_token_is_known_by_its_form(token: str) -> None:
    assert redact(f"use {token} for it") == f"use {MARK} for it"


def test_a_password_in_a_sentence_need_not_look_like_one() -> None:
    assert redact("my password is hunter") == f"my password is {MARK}"
    assert redact("the token is hunter") == "the token is hunter"


@pytest.mark.parametrize("text", PLAIN)
def test_the_rest_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("text", [*SECRETS, *TOKENS, KEY])
def test_twice_is_as_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_a_private_key_goes_whole_even_if_cut_off() -> None:
    assert redact(f"a\n{KEY}\nb") == f"a\n-----OPENSSH PRIVATE KEY {MARK}-----\nb"
    assert "AAAA" not in redact(KEY[:-20])


def test_a_command_stays_the_same_command() -> None:
    assert redact(f"curl -s -u 'me:{WORD}' https://api.example | tee 'out file'") == (
        f"curl -s -u 'me:{MARK}' https://api.example | tee 'out file'"
    )
    assert redact(f"tool --token '{WORD}' x") == f"tool --token '{MARK}' x"
