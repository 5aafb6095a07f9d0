"""Secrets in text that is to be kept: struck out, the rest left as it is. Standard library only.

What is looked for are forms that are hardly ever anything else: keys and tokens with their issuer's
prefix, private keys, passwords in URLs, Authorization headers, and what follows a name such as
`password=` or `--token`. A secret without any of these is not found. What stands for it is one
plain word, so that a command is still read as the same command.
"""

import re
from collections.abc import Callable
from functools import partial

MARK = "REDACTED"

_PRIVATE_KEY = partial(
    re.compile,
    r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----"
    r".*?(?:-----END (?P=kind)-----|\Z)",
    re.DOTALL,
)

# Known by how they begin. Lengths are the shortest that their issuers give out.
_TOKENS = partial(
    re.compile,
    r"(?<![A-Za-z0-9_-])(?:"
    r"sk-[A-Za-z0-9_-]{20,}"  # Anthropic, OpenAI and those who copy them
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,}"
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{20,}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|dop_v1_[a-f0-9]{64}"
    r"|hf_[A-Za-z0-9]{30,}|hv[sbr]\.[A-Za-z0-9_-]{24,}|tskey-[a-z]+-[A-Za-z0-9-]{20,}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}|AGE-SECRET-KEY-1[A-Z0-9]{50,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON Web Token
    r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"  # Telegram
    r")",
)

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{1,20}://"
# scheme://user:password@host, and a token in the user's place.
_URL_PASSWORD = partial(re.compile, rf"({_SCHEME}[^\s/@:'\"]*:)(?!\$)([^\s/@'\"]+)(?=@)")
_URL_PARAMETER = partial(
    re.compile,
    r"([?&](?:[\w.-]*(?:token|secret|password|passwd|api_?key|apikey|signature|sig|access_key)"
    r"[\w.-]*)=|(?:key|auth|code)=(?=[\w%+/.-]{16}))(?!\$)([^\s&#'\"]+)",
    re.IGNORECASE,
)

_HEADER = partial(
    re.compile,
    r"\b((?:proxy-)?authorization\s*[:=]\s*[\"']?(?:(?:basic|bearer|digest|token|negotiate|apikey)"
    r"\s+)?)(?!\$|basic\b|bearer\b|token\b|digest\b)([^\s\"']+)"
    r"|\b((?:x-(?:api-key|auth-token|access-token|vault-token|amz-security-token)|private-token"
    r"|api-key|x-goog-api-key)\s*:\s*[\"']?)(?!\$)([^\s\"']+)"
    r"|\b((?:set-)?cookie\s*:\s*)(?!\$)([^\"'\n]+)"
    r"|\b(bearer\s+)(?!\$)([A-Za-z0-9._~+/-]{16,}=*)",
    re.IGNORECASE,
)

_NAMES = (
    r"(?:pass(?:word|wd|phrase|code)?|pw|pwd|psk|secret|token|api[_-]?key|apikey|access[_-]?key"
    r"|secret[_-]?key|private[_-]?key|auth[_-]?key|encryption[_-]?key|credentials?"
    r"|client[_-]?secret|signing[_-]?key)"
)
_PARTS = r"(?:[A-Za-z0-9]{1,40}[_.-]){0,8}"
_VALUE = r"(?:\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s;&|\"'<>()]+)"
# NAME=value, name: value, "name": "value"; --name value, --name=value. What only names a place to
# look (a variable, a file, a substitution) is no secret.
_PLACE = r"(?!\"?\$|'?\$\(|`|\"?<|/|\./|~/|\"/|'/|@|REDACTED|\{)"
_ASSIGNED = partial(
    re.compile,
    rf"(?<![\w-])({_PARTS}{_NAMES}(?:[_.-][0-9]+)?[\"']?\s*(?:=|:=)\s*)"
    rf"{_PLACE}({_VALUE})",
    re.IGNORECASE,
)
_SAID = partial(
    re.compile,
    rf"(?<![\w-])({_PARTS}{_NAMES}[\"']?"
    rf"(?:\s*:\s*|\s+(?:is|was|lautet|ist)\s*:?\s+))"
    rf"{_PLACE}({_VALUE})",
    re.IGNORECASE,
)
_OPTION = partial(
    re.compile,
    rf"((?<![\w-])--?{_PARTS}{_NAMES}(?:=|\s+))(?!-){_PLACE}({_VALUE})",
    re.IGNORECASE,
)
_JAPANESE = partial(
    re.compile,
    r"((?:パスワード|暗証番号|秘密鍵|トークン|合言葉)\s*(?:は|[:\uff1a=\uff1d])\s*)([!-~]{4,})",
)
# Options that take a password in one tool and something else in another.
_TOOLS = partial(
    re.compile,
    r"((?<![\w./-])(?:sshpass\b[^|;&\n]{0,300}?\s-p\s*)|(?<![\w-])(?:mysql|mysqldump|mysqladmin|mariadb"
    r"|mariadb-dump|mariadb-admin)\b[^|;&\n]{0,300}?\s-p(?=\S)|(?<![\w-])(?:curl|wget|http)\b[^|;&\n]{0,300}?"
    r"\s(?:-u|--user|--proxy-user)[\s=]*[\"']?[^\s:\"']+:|(?<![\w-])redis-cli\b[^|;&\n]{0,300}?\s-a\s+"
    r"|(?<![\w-])(?:docker|podman|skopeo|buildah|helm)\s+(?:registry\s+)?login\b[^|;&\n]{0,300}?\s-p\s+"
    r"|(?<![\w-])openssl\b[^|;&\n]{0,300}?\bpass:|(?<![\w-])smbclient\b[^|;&\n]{0,300}?\s-U\s*[^\s%]+%"
    r"|(?<![\w-])ldap(?:search|add|modify|passwd)\b[^|;&\n]{0,300}?\s-w\s+)"
    rf"(?!\$|\"\$|REDACTED)({_VALUE})",
)
# user:password, told to chpasswd; a password, told to passwd or sudo.
_PIPED = partial(
    re.compile,
    r"((?:echo|printf)\s+(?:-\w+\s+)*(?:'%s\\n'\s+|\"%s\\n\"\s+)?)(\"[^\"$\n]*\"|'[^'\n]*'|"
    r"[^\s|;&$\"']+)(?=\s*\|\s*(?:sudo\s+)?(?:chpasswd|passwd|sudo\s+-S|sudo\s+-kS|"
    r"cryptsetup|gpg\s[^|]*--passphrase-fd|docker\s+login|podman\s+login))",
)

_PASSWORD = re.compile(r"pass(?:word|wd|phrase|code)|\bpw\b|\bpsk\b", re.IGNORECASE)
# Prose is full of these after `password is` and `token:`; none of them is one.
_PROSE = """
    a again an and are as at based be been being but by changed correct default empty encrypted
    expired expiring false for forgotten from good hashed here hidden in incorrect invalid is
    kept known lost mandatory masked missing my needed never no none not null ok old on only
    optional or our out prompt redacted required reset revoked rotated safe saved secret set short
    shown stored strong that the their there this to too true undefined unknown unset updated
    used valid weak what when where which with wrong yes you your
"""
_WORDS = frozenset(_PROSE.split())


def redact(text: str) -> str:
    """The text without the secrets that it shows. Twice is as once."""
    folded = text.casefold()
    for hints, pattern, replace in _RULES:
        if any(hint in folded for hint in hints):
            text = pattern().sub(replace, text)
    return text


MARGIN = 4096
"""Characters by which `both_ends` sees more than it gives: a secret that is longer, but for a
private key, may show a part at a cut."""
_KEY_MARK = partial(re.compile, r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


def both_ends(head: str, tail: str, ends: tuple[int, int]) -> tuple[str, str]:
    """Of a text whose middle is not here, the first and the last characters without secrets, so
    many as `ends` says. head and tail are longer than that by MARGIN: what was cut through at
    their ends is not shown."""
    found = _KEY_MARK().search(tail)
    if found and found[1] == "END":
        # All before it is a key that begins in the middle.
        tail = tail[found.start() :]
    first, last = ends
    return redact(head)[:-MARGIN][:first], redact(tail)[MARGIN:][-last:]


def _second(found: "re.Match[str]") -> str:
    return found[1] + _quoted(found[2])


def _header(found: "re.Match[str]") -> str:
    name, value = (part for part in found.groups() if part is not None)
    return str(name) + _quoted(value)


def _prose(found: "re.Match[str]") -> str:
    word = found[2].strip("\"'.,!?")
    telling = len(word) >= 6 and not word.isalpha()
    if telling or (_PASSWORD.search(found[1]) and word and word.casefold() not in _WORDS):
        return _second(found)
    return found[0]


def _quoted(value: str) -> str:
    """The mark, in the value's own quotes."""
    quote = value[0] if value[0] in "\"'" and value[-1] == value[0] and len(value) > 1 else ""
    return f"{quote}{MARK}{quote}"


def _private_key(found: "re.Match[str]") -> str:
    return f"-----{found['kind']} {MARK}-----"


def _token(_found: "re.Match[str]") -> str:
    return MARK


_NAMED = ("pass", "pw", "psk", "secret", "token", "key", "credential")
_RULES: tuple[
    tuple[
        tuple[str, ...], Callable[[], "re.Pattern[str]"], Callable[["re.Match[str]"], str]
    ],
    ...,
] = (
    (("private key",), _PRIVATE_KEY, _private_key),
    (("echo", "printf"), _PIPED, _second),
    (("://",), _URL_PASSWORD, _second),
    (("?", "&"), _URL_PARAMETER, _second),
    (
        ("sshpass", "mysql", "mariadb", "curl", "wget", "http", "redis-cli", "login", "openssl",
         "smbclient", "ldap"),
        _TOOLS, _second,
    ),
    (_NAMED, _OPTION, _second),
    (_NAMED, _ASSIGNED, _second),
    (("authorization", "x-", "private-token", "api-key", "cookie", "bearer"), _HEADER, _header),
    (_NAMED, _SAID, _prose),
    (("パスワード", "暗証番号", "秘密鍵",
      "トークン", "合言葉"), _JAPANESE, _second),
    (
        ("sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-",
         "glcbt-", "glptt-", "glft-", "glsoat-", "akia", "asia", "abia", "acca", "aiza", "ya29.",
         "xox", "xapp-", "_live_", "_test_", "whsec_", "npm_", "pypi-", "dop_v1_", "hf_", "hvs.",
         "hvb.", "hvr.", "tskey-", "sg.", "age-secret-key", "eyj", ":aa"),
        _TOKENS, _token,
    ),
)  # fmt: skip
"""A pattern is only tried, and compiled, where one of its words stands: most texts have none."""
