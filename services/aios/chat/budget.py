"""What one prompt may use: steps, tokens, money, time."""

import time
from dataclasses import dataclass, field

from aios import config
from aios.chat import prices
from aios.chat.brain import Usage
from aios.errors import ConfigError


@dataclass
class Budget:
    settings: config.Chat
    steps: int = 0
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    _begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._price = prices.price(self.settings.model)
        if self.settings.max_cost and self._price is None:
            raise ConfigError(
                f"[chat] max_cost cannot be kept: nobody knows what {self.settings.model} costs",
                hint="say it in /etc/aios/prices.toml, or set max_cost = 0",
            )

    def spend(self, usage: Usage) -> None:
        self.steps += 1
        self.usage += usage

    @property
    def cost(self) -> float | None:
        """US dollars."""
        return None if self._price is None else self._price.of(self.usage)

    def exceeded(self) -> str:
        """What of it is used up; "" while there is some of all."""
        settings = self.settings
        if self.steps >= settings.max_steps:
            return f"it had not ended after {settings.max_steps} steps"
        if settings.budget_tokens and self.usage.total >= settings.budget_tokens:
            return f"it had used {self.usage.total} tokens ([chat] budget_tokens)"
        if settings.max_cost and self.cost is not None and self.cost >= settings.max_cost:
            return f"it had cost {self.cost:.2f} dollars ([chat] max_cost)"
        if time.monotonic() - self._begun >= settings.max_seconds:
            return f"it had taken {settings.max_seconds} seconds ([chat] max_seconds)"
        return ""

    def as_dict(self) -> dict[str, object]:
        used = {
            "model": self.settings.model,
            "steps": self.steps,
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "cache_read_tokens": self.usage.cache_read_tokens,
            "cache_write_tokens": self.usage.cache_write_tokens,
        }
        return used if self.cost is None else used | {"cost": self.cost}
