"""Requests for an environment."""

import tomllib

import pytest
from sentences import brain, command, read

from aios.chat.offline import DATA, Abstain, Proposal

BUNDLES = tomllib.loads((DATA / "bundles.toml").read_text())["bundle"]


@pytest.mark.parametrize(
    ("sentence", "packages"),
    [
        ("install a rust development environment", "rustc cargo"),
        ("could you set up a rust toolchain for me?", "rustc cargo"),
        ("set up a web server", "nginx"),
        ("turn this machine into a web server", "nginx"),
        ("python dev tools", "python3 python3-pip"),
        ("set me up for python development", "python3 python3-pip"),
        ("c++ toolchain please", "build-essential"),
        ("install everything i need to write go code", "golang"),
        ("i need a node.js development environment", "nodejs npm"),
        ("set up a docker environment", "docker.io docker-compose"),
        ("install latex", "texlive"),
        ("i want a lamp stack", "apache2 mariadb-server"),
        ("install tools for network debugging", "iproute2"),
    ],
)
def test_what_is_installed(sentence: str, packages: str) -> None:
    result = read(sentence)
    assert isinstance(result, Proposal), result
    assert result.command.startswith(f"apt-get install -y {packages}")
    assert result.changes and result.installs


@pytest.mark.parametrize(
    "sentence",
    [
        "remove the rust development environment", "is a rust development environment installed",
        "should i install a rust development environment", "install a development environment",
        "don't set up a web server", "set up a cobol development environment",
        "install a rust environment tomorrow", "set up a web server and delete everything",
    ],
)  # fmt: skip
def test_what_is_none(sentence: str) -> None:
    result = read(sentence)
    assert isinstance(result, Abstain) or not result.intent.startswith("bundles.")


def test_one_package_stays_one() -> None:
    assert command("install git") == "apt-get install -y git"
    assert command("set up nginx") == "apt-get install -y nginx"


@pytest.mark.parametrize("entry", BUNDLES, ids=[entry["id"] for entry in BUNDLES])
def test_every_bundle_is_reached(entry: dict[str, list[str]]) -> None:
    said = [f"install a {name} development environment" for name in entry.get("names", ())]
    said += [f"set up a {name}" for name in entry.get("alone", ())]
    for distro in ("debian", "arch", "fedora"):
        for sentence in said:
            result = read(sentence, distro=distro)
            assert isinstance(result, Proposal), (sentence, result)
            assert result.intent == f"bundles.{entry['id']}", (sentence, result)


def test_a_data_file_that_is_not_right() -> None:
    assert {entry["id"] for entry in BUNDLES} == {
        intent.id.removeprefix("bundles.")
        for intent in brain().intents
        if intent.id.startswith("bundles.")
    }
