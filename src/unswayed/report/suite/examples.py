"""Examples across models: the same question under the same condition, answered by every model.

Selected by a fixed rule: for each benchmark and condition, questions on which the models disagree first, then
those that all get wrong, then those that all get right; in each, by a hash of the question.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unswayed.formatting import clip, visible
from unswayed.report.examples import IMAGE_BYTES, TEXT_BYTES, Examples, data_uri, mark_cue
from unswayed.store.run_folder import stored_image
from unswayed.suite.collect import Collected, SuiteRun

MAX_ITEMS = 160
PATTERNS = {"split": "the models disagree", "wrong": "all are wrong", "right": "all are right"}
_CONDITIONS = ("base", "wrong-caption", "wrong-think", "wrong-think-quoted")
_CLIP = 1500
Key = tuple[str, str, str]
"""Benchmark, uid, condition."""


def collect_suite_examples(collected: Collected) -> Examples:
    """Items of one question and condition with the answers of all models, and the pictures they need."""
    outcomes = _outcomes(collected)
    chosen = _choose(outcomes)
    rows = _rows(collected, set(chosen))
    items: list[dict[str, Any]] = []
    images: dict[str, str] = {}
    text_left, image_left = TEXT_BYTES, IMAGE_BYTES
    for key in chosen:
        item = _item(key, outcomes[key], rows[key])
        text_left -= len(json.dumps(item))
        if text_left < 0 and items:
            break
        items.append(item)
        for sha in item["images"]:
            if sha in images:
                continue
            uri = data_uri(_image(collected, key, sha))
            if uri and len(uri) <= image_left:
                images[sha] = uri
                image_left -= len(uri)
    return Examples(tuple(items), images)


def _outcomes(collected: Collected) -> dict[Key, dict[str, bool]]:
    """Whether each model is right, for questions that at least two models answered."""
    found: dict[Key, dict[str, bool]] = {}
    for r in collected.runs:
        trials = r.run.trials
        mask = pc.and_(pc.equal(trials["sample"], 0), pc.is_valid(trials["correct"]))
        mask = pc.and_(mask, pc.is_in(trials["condition"].cast(pa.string()), pa.array(_CONDITIONS)))
        part = trials.filter(mask)
        columns = (part[name].to_pylist() for name in ("uid", "condition", "correct"))
        for uid, condition, correct in zip(*columns, strict=True):
            found.setdefault((r.benchmark, uid, condition), {})[r.model] = correct
    return {key: by_model for key, by_model in found.items() if len(by_model) > 1}


def _pattern(by_model: Mapping[str, bool]) -> str:
    right = set(by_model.values())
    return "split" if len(right) > 1 else "right" if True in right else "wrong"


def _choose(outcomes: Mapping[Key, Mapping[str, bool]]) -> list[Key]:
    """At most `MAX_ITEMS` keys, as far as possible as many of each benchmark, condition and pattern."""
    cells: dict[tuple[str, str, str], list[Key]] = {}
    for key, by_model in outcomes.items():
        cells.setdefault((key[0], key[2], _pattern(by_model)), []).append(key)
    for keys in cells.values():
        keys.sort(key=lambda key: (zlib.crc32(f"{key[0]}\x1f{key[1]}".encode()), key))
    order = sorted(cells, key=lambda cell: (list(PATTERNS).index(cell[2]), cell))
    chosen: list[Key] = []
    depth = 0
    while len(chosen) < MAX_ITEMS and any(len(cells[cell]) > depth for cell in order):
        chosen += [cells[cell][depth] for cell in order if len(cells[cell]) > depth]
        depth += 1
    kept = set(chosen[:MAX_ITEMS])
    return [key for key in chosen if key in kept]


def _rows(collected: Collected, keys: set[Key]) -> dict[Key, dict[str, dict[str, Any]]]:
    """The trials of the chosen questions: key -> model -> row."""
    found: dict[Key, dict[str, dict[str, Any]]] = {key: {} for key in keys}
    for r in collected.runs:
        for row in _selected(r, keys):
            found[r.benchmark, row["uid"], row["condition"]][r.model] = row
    return found


def _selected(r: SuiteRun, keys: set[Key]) -> Iterator[dict[str, Any]]:
    uids = pa.array(sorted({uid for benchmark, uid, _ in keys if benchmark == r.benchmark}), pa.string())
    trials = r.run.trials
    mask = pc.and_(pc.equal(trials["sample"], 0), pc.is_in(trials["uid"].cast(pa.string()), uids))
    for row in trials.filter(mask).to_pylist():
        if (r.benchmark, row["uid"], row["condition"]) in keys:
            yield row


def _item(key: Key, right: Mapping[str, bool], rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One question and condition as JSON values: texts clipped and made visible."""
    first = next(iter(rows.values()))
    return {
        "benchmark": visible(key[0]),
        "uid": visible(clip(key[1], 200)),
        "condition": visible(key[2]),
        "pattern": _pattern(right),
        "question": visible(clip(first["question"] or "", 400)),
        "prompt": mark_cue(first["prompt"] or "", first["cue_text"]),
        "options": [visible(clip(option, 300)) for option in first["options"] or []],
        "gold": first["gold"],
        "cue": first["cue"],
        "images": [visible(sha) for sha in (first["image_sha256"] or [])[:4]],
        "answers": [_answer(model, row) for model, row in rows.items()],
    }


def _answer(model: str, row: Mapping[str, Any]) -> dict[str, Any]:
    p = row["p_correct"]
    return {
        "model": visible(model),
        "state": row["state"],
        "answer": row["answer"],
        "correct": row["correct"],
        "consistent": row["consistent"],
        "followed": row["followed_cue"],
        "under": row["under_cue"],
        "p": None if p is None or p != p else round(p, 3),
        "prefill": mark_cue(row["prefill"] or "", row["cue_text"]),
        "text": visible(clip(row["text"] or row["error"] or "", _CLIP)),
    }


def _image(collected: Collected, key: Key, sha: str) -> bytes | None:
    """The picture from the first run of the benchmark that has stored it."""
    for r in collected.runs:
        if r.benchmark == key[0] and r.run.path is not None:
            data = stored_image(r.run.path, sha)
            if data is not None:
                return data
    return None
