"""What a prompt may use, and what it costs."""

from typing import Any

import pytest

from aios import config
from aios.chat import prices
from aios.chat.brain import Usage
from aios.chat.budget import Budget
from aios.errors import ConfigError

MILLION = Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_steps": 2}, "2 steps"),
        ({"budget_tokens": 5_000_000}, "8000000 tokens"),
        ({"max_cost": 14.0, "model": "claude-haiku-4-5"}, "14.70 dollars"),
        ({"max_seconds": 0}, "0 seconds"),
    ],
)
def test_each_has_an_end(settings: dict[str, Any], said: str) -> None:
    budget = Budget(config.Chat(**settings))
    budget.spend(MILLION)
    assert not budget.exceeded() or "max_seconds" in settings
    budget.spend(MILLION)
    assert said in budget.exceeded()


def test_what_it_costs_is_known_or_absent() -> None:
    budget = Budget(config.Chat(model="claude-haiku-4-5-20251001"))
    budget.spend(MILLION)
    assert budget.as_dict()["cost"] == pytest.approx(7.35)
    assert "cost" not in Budget(config.Chat(model="mine")).as_dict()


def test_a_bound_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ConfigError, match="nobody knows what mine costs"):
        Budget(config.Chat(model="mine", max_cost=1.0))


def test_the_administrator_knows_more(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.toml"
    monkeypatch.setattr(prices, "ADMINISTRATOR", file)
    for dollars in (2, 3):
        row = f"{{ input = {dollars}, output = 0, cache_read = 0, cache_write = 0 }}"
        file.write_text(f"[models]\nmine = {row}\n")
        assert prices.price("mine") == prices.Price(dollars, 0, 0, 0)
    assert prices.price("claude-haiku-4-5") is not None
    file.write_text("[models]\nmine = 3\n")
    with pytest.raises(ConfigError, match=r"prices\.toml"):
        prices.price("mine")
