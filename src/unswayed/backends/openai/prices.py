"""What tokens cost: prices given by the user, since no endpoint states them.

Written ``in=0.15,out=0.6`` (per million tokens, ``currency=EUR`` if not USD), or as a TOML file with one
table per model::

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

_FORM = "give e.g. in=0.15,out=0.6 (per million tokens)"


@dataclass(frozen=True)
class Price:
    """What a million tokens cost."""

    prompt: float
    generated: float
    """Of generated tokens, those of the thought included."""
    currency: str = "USD"

    def of(self, prompt_tokens: int, tokens: int) -> float:
        """Cost of these tokens, in `currency`."""
        return (prompt_tokens * self.prompt + tokens * self.generated) / 1e6


def parse(text: str) -> Price:
    """The price in ``in=…,out=…``. Raises `BadInput` for anything else.

    >>> parse("in=0.5,out=2").of(1_000_000, 500_000)
    1.5
    """
    values: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name in values or name not in ("in", "out", "currency"):
            raise BadInput(f"--price is {text!r}; {_FORM}")
        values[name] = value if name == "currency" else _number(value)
    return _price(values, f"--price is {text!r}")


def read(path: Path, model: str) -> Price:
    """The price of `model` in a TOML file. Raises `BadInput` where the file has none."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"--prices {path}: {error.strerror or error}; give a file that can be read") from error
    except ValueError as error:
        raise BadInput(f"--prices {path}: not TOML ({error})") from error
    table = document.get(model)
    if not isinstance(table, dict):
        raise BadInput(f'--prices {path} has no table ["{model}"]; add one with in = … and out = …')
    place = f'--prices {path}, ["{model}"]'
    return _price({**table, "currency": document.get("currency", "USD")}, place)


def _price(values: Mapping[str, Any], place: str) -> Price:
    unknown = set(values) - {"in", "out", "currency"}
    if unknown or not {"in", "out"} <= set(values):
        raise BadInput(f"{place}; {_FORM}")
    prompt, generated, currency = values["in"], values["out"], values.get("currency", "USD")
    for value in (prompt, generated):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise BadInput(f"{place}: a price is a number, 0 or more; {_FORM}")
    if not isinstance(currency, str) or not (currency.isascii() and currency.isalpha() and len(currency) < 9):
        raise BadInput(f"{place}: the currency is a short word such as USD")
    return Price(float(prompt), float(generated), currency)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
