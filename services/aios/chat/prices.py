"""What tokens cost: data/prices.toml, which says when that was read, and /etc/aios/prices.toml of
the same form, which comes before it. A model that is in neither has no price."""

import functools
from dataclasses import dataclass
from pathlib import Path

import tomli

from aios.chat.brain import Usage
from aios.errors import ConfigError

SHIPPED = Path(__file__).parent / "data" / "prices.toml"
ADMINISTRATOR = Path("/etc/aios/prices.toml")
_MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float

    def of(self, usage: Usage) -> float:
        return (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_tokens * self.cache_write
        ) / _MILLION


def price(model: str) -> Price | None:
    """A name that ends in a date is that model: claude-haiku-4-5-20251001."""
    known = read(SHIPPED) | (_administrators() if ADMINISTRATOR.exists() else {})
    stem, _, date = model.rpartition("-")
    return known.get(model) or (known.get(stem) if len(date) == 8 and date.isdigit() else None)


def _administrators() -> dict[str, Price]:
    read.cache_clear()
    return read(ADMINISTRATOR)


@functools.cache
def read(path: Path) -> dict[str, Price]:
    try:
        models = tomli.loads(path.read_text())["models"]
        return {
            name: Price(**{key: float(value) for key, value in row.items()})
            for name, row in models.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}:1: {error}", hint="[models] NAME = {input, output, cache_read, cache_write}"
        ) from error
