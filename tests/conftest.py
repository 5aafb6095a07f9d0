"""Options of `tests/run`, and what each part took."""

import os
from collections import defaultdict
from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent
# No test has a deadline: these machines are shared.
hypothesis.settings.register_profile("shared", deadline=None)
hypothesis.settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also what takes more than a minute")
    parser.addoption("--release", default="", help="Debian release of the sandbox")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--long"):
        os.environ.setdefault("AIOS_FUZZ", "20")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                part = Path(report.nodeid.partition("::")[0]).parts[1]
                seconds[part] += report.duration
    for part, took in seconds.items():
        terminalreporter.write_line(f"{part} took {took:.0f} s")
