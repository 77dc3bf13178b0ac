"""Thought health: length, repetition and templates of the thoughts of a condition.

Lengths are over all thoughts. The other measures depend on the amount of text, so they are taken from a
random sample of at most `SAMPLE` thoughts.
"""

from __future__ import annotations

import gzip
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.metrics.columns import Columns
from unswayed.metrics.stats import Ints, rng_for
from unswayed.metrics.table_columns import column

SAMPLE = 2000
"""Largest number of thoughts per condition in the measures of repetition."""
MAX_CHARACTERS = 4000
"""Characters of a thought that count in the measures of repetition."""
QUANTILES = (10, 50, 90)

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\([A-Z]\)|\d+(?:\.\d+)?|\w+|[^\w\s]")


def cot_health(
    table: pa.Table, c: Columns, rows_of: dict[str, Ints], seed: int
) -> dict[str, dict[str, float]]:
    """By condition: `length_p10`, `length_p50`, `length_p90` (characters), `distinct_2`, `gzip_ratio`,
    `top10_templates`, `duplicates` (share of thoughts that occur more than once), `empty` (share without a
    word), and `sampled` (thoughts behind the last five)."""
    length = np.asarray(pc.utf8_length(column(table, "thought")).fill_null(-1).to_numpy())
    by_condition = {}
    for name, rows in rows_of.items():
        rows = rows[length[rows] >= 0]
        if not len(rows):
            continue
        points = np.percentile(length[rows], QUANTILES)
        measures = {f"length_p{q}": float(v) for q, v in zip(QUANTILES, points, strict=True)}
        if len(rows) > SAMPLE:
            rows = rng_for(seed, "health", name).choice(rows, SAMPLE, replace=False)
        rows = np.sort(rows)
        texts = [str(text)[:MAX_CHARACTERS] for text in _take(table, "thought", rows)]
        cues, options = _take(table, "cue_text", rows), _take(table, "options", rows)
        templates = [template(t, o or (), q) for t, o, q in zip(texts, options, cues, strict=True)]
        measures["distinct_2"] = distinct_2(texts)
        measures["gzip_ratio"] = gzip_ratio(texts)
        measures["top10_templates"] = top_share(templates, 10)
        measures["duplicates"] = duplicates(texts)
        measures["empty"] = sum(_WORD.search(text) is None for text in texts) / len(texts)
        measures["sampled"] = float(len(rows))
        by_condition[name] = measures
    return by_condition


def template_codes(table: pa.Table) -> pa.Array:
    """CRC-32 of the template of each trial's thought, shape (n,); null without a thought."""
    names = ("thought", "options", "cue_text")
    rows = zip(*(column(table, name).to_pylist() for name in names), strict=True)
    return pa.array(
        [
            None if t is None else zlib.crc32(template(t[:MAX_CHARACTERS], o or (), q).encode())
            for t, o, q in rows
        ],
        pa.int64(),
    )


def distinct_2(texts: Sequence[str]) -> float:
    """Distinct over all word pairs (Li et al. 2016, arXiv 1510.03055, sec. 5); 0 without word pairs."""
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        words = _WORD.findall(text.lower())
        pairs.update(itertools.pairwise(words))
    return len(pairs) / total if (total := pairs.total()) else 0.0


def gzip_ratio(texts: Sequence[str]) -> float:
    """Gzip-compressed over plain size of the concatenated texts: low for repetitive texts, 0 without text."""
    data = "\n".join(texts).encode("utf-8", "replace")
    return len(gzip.compress(data, 6, mtime=0)) / len(data) if data else 0.0


def template(thought: str, options: Sequence[str], cue: str | None) -> str:
    """A thought with the cue, option texts, option letters in brackets and numbers replaced by `_`.

    >>> template("So it is the red cube, (B).", ("the red cube", "2 balls"), None)
    'so it is _ , _ .'
    """
    masked = f" {_normal(thought)} "
    for phrase in [cue or "", *sorted(options, key=len, reverse=True)]:
        if words := _normal(phrase):
            for _ in range(2):  # adjacent matches share a space
                masked = masked.replace(f" {words} ", " _ ")
    return masked.strip()


def duplicates(texts: Sequence[str]) -> float:
    """Share of texts that occur more than once, ignoring white space at the ends; 0 without texts."""
    count = Counter(text.strip() for text in texts)
    return sum(n for n in count.values() if n > 1) / len(texts) if texts else 0.0


def top_share(values: Sequence[str], count: int) -> float:
    """Share of the `count` most frequent values; 0 without values."""
    return sum(n for _, n in Counter(values).most_common(count)) / len(values) if values else 0.0


def _normal(text: str) -> str:
    tokens = _TOKEN.findall(text)
    return " ".join("_" if t[0].isdigit() or (len(t) == 3 and t[0] == "(") else t.lower() for t in tokens)


def _take(table: pa.Table, name: str, rows: Ints) -> list[Any]:
    """Values of a column at sorted `rows`, by chunk, because `take` on the whole column would copy all
    chunks."""
    values: list[Any] = []
    start = 0
    for chunk in column(table, name).chunks:
        low, high = np.searchsorted(rows, [start, start + len(chunk)])
        if high > low:
            values += chunk.take(pa.array(rows[low:high] - start)).to_pylist()
        start += len(chunk)
    return values
