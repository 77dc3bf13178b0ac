"""What tokens cost: prices that the user gives, for no endpoint tells them.

Written ``in=0.15,out=0.6`` (a million tokens each, ``currency=EUR`` if not USD), or as a TOML file with a
table a model::

    currency = "USD"

    ["gpt-4o-mini"]
    in = 0.15
    out = 0.60
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput

_FORM = "give e.g. in=0.15,out=0.6 (a million tokens each)"


@dataclass(frozen=True)
class Price:
    """What a million tokens cost."""

    prompt: float
    made: float
    """Of generated tokens, those of a thought included."""
    currency: str = "USD"

    def of(self, prompt: int, made: int) -> float:
        """What so many tokens cost, in `currency`."""
        return (prompt * self.prompt + made * self.made) / 1e6


def parse(text: str) -> Price:
    """The price in ``in=…,out=…``. Raises `BadInput` for anything else.

    >>> parse("in=0.5,out=2").of(1_000_000, 500_000)
    1.5
    """
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name in given or name not in ("in", "out", "currency"):
            raise BadInput(f"--price is {text!r}; {_FORM}")
        given[name] = value if name == "currency" else _number(value)
    return _price(given, f"--price is {text!r}")


def read(path: Path, model: str) -> Price:
    """The price of `model` in a TOML file. Raises `BadInput` where the file has none."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"--prices {path}: {error.strerror or error}; give a file that can be read") from error
    except ValueError as error:
        raise BadInput(f"--prices {path}: not TOML ({error})") from error
    table = found.get(model)
    if not isinstance(table, dict):
        raise BadInput(f'--prices {path} has no table ["{model}"]; add one with in = … and out = …')
    where = f'--prices {path}, ["{model}"]'
    return _price({**table, "currency": found.get("currency", "USD")}, where)


def _price(given: Mapping[str, Any], where: str) -> Price:
    unknown = set(given) - {"in", "out", "currency"}
    if unknown or not {"in", "out"} <= set(given):
        raise BadInput(f"{where}; {_FORM}")
    prompt, made, currency = given["in"], given["out"], given.get("currency", "USD")
    for value in (prompt, made):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise BadInput(f"{where}: a price is a number, 0 or more; {_FORM}")
    if not isinstance(currency, str) or not (currency.isascii() and currency.isalpha() and len(currency) < 9):
        raise BadInput(f"{where}: the currency is a short word such as USD")
    return Price(float(prompt), float(made), currency)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
