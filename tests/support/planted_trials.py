"""Trials tables of planted respondents: what each condition's answers are is drawn from known rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from unswayed.trial import SCHEMA

Columns = Mapping[str, Any]
"""Columns of one condition, each of shape (n,) or a scalar; the right option is 0 everywhere."""


def planted(conditions: Mapping[str, Columns], n: int, options: int = 4) -> pa.Table:
    """A trials table of `n` questions under each condition; `correct` is derived from `answer`."""
    tables = []
    for name, columns in conditions.items():
        answer = np.broadcast_to(columns.get("answer", 0), n)
        filled: dict[str, Any] = {
            "key": [f"{name}/{i}" for i in range(n)],
            **{column: [f"q{i}" for i in range(n)] for column in ("uid", "group")},
            "benchmark": "planted",
            "family": "all",
            "condition": name,
            "sample": 0,
            "state": "ok",
            "model": "planted",
            "gold": 0,
            "n_options": options,
            "correct": answer == 0,
            **columns,
            "answer": answer,
        }
        arrays = {
            key: pa.array(np.broadcast_to(values, n).tolist(), SCHEMA.field(key).type)
            for key, values in filled.items()
        }
        tables.append(pa.table(arrays))
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    full = [
        pa.table({n: t[n] if n in t.column_names else pa.nulls(len(t), SCHEMA.field(n).type) for n in names})
        for t in tables
    ]
    return pa.concat_tables(full)


def entropy(p: np.ndarray) -> np.ndarray:
    """Entropy in nats of distributions, shape (n, options)."""
    return -np.sum(p * np.log(np.clip(p, 1e-300, None)), axis=1)


def judged(answer: np.ndarray, concluded: np.ndarray, decided: np.ndarray) -> dict[str, Any]:
    """The judge's columns; `concluded`: an option, -1 for nothing, -2 for something that no option says."""
    option = [int(c) if d and c >= 0 else None for c, d in zip(concluded, decided, strict=True)]
    consistent = [
        bool(c == a) if d and c != -1 else None for a, c, d in zip(answer, concluded, decided, strict=True)
    ]
    return {"concluded": option, "judged": decided, "consistent": consistent}
