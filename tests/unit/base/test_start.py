"""What a service loads when it starts: a cold start is what most calls to an idle aios wait for."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("service", ["chat", "exec", "machines", "memory", "policy"])
def test_what_few_lives_need_is_not_loaded(service: str) -> None:
    late = {"structlog", "anthropic", "mcp"}
    code = f"import sys, aios.{service}.__main__; print(*{late!r} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert (loaded.returncode, loaded.stdout) == (0, "\n"), loaded
