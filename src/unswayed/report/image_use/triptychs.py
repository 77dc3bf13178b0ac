"""Questions with the right, the swapped and the masked picture, and what the model said of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from unswayed.formatting import clip, visible
from unswayed.metrics.columns import UNSCORED_STATES
from unswayed.metrics.image_use import BASE, MASKED, SWAPPED, ImageUse, Triptych
from unswayed.question import LETTERS
from unswayed.report.examples import ImageLoader, data_uri

MOST_TRIPTYCHS = 6
Rows = dict[tuple[str, str, int, str], dict[str, Any]]
"""Stored trials by benchmark, uid, sample and condition."""
_TEXT = 600
"""Characters of a turn that are shown."""
_PANELS = (
    (BASE, "its own picture"),
    (SWAPPED, "another question's picture"),
    (MASKED, "the evidence masked"),
)


def collect_triptychs(
    use: ImageUse, trials: pa.Table, probe: pa.Table, load_image: ImageLoader, limit: int = MOST_TRIPTYCHS
) -> list[dict[str, Any]]:
    """At most `limit` questions as values for the page: up to half of them got the same answer to the swapped
    picture though it is wrong there; each half evenly spaced over the run, of the questions that were asked
    with all three pictures where there are enough."""
    units = {(t.benchmark, t.uid, t.sample) for t in use.swapped}
    rows: Rows = {}
    names = [name for name, _ in _PANELS]
    columns = [
        *("benchmark", "uid", "sample", "condition", "question", "options", "gold", "text", "answer"),
        *("state", "error", "image_sha256"),
    ]
    for table in (trials, probe):
        for row in table.select(columns).to_pylist():
            unit = (row["benchmark"], row["uid"], row["sample"])
            if row["condition"] in names and unit in units:
                rows[*unit, row["condition"]] = row

    def whole(t: Triptych) -> bool:
        row = rows.get((t.benchmark, t.uid, t.sample, MASKED))
        return row is not None and row["state"] not in UNSCORED_STATES

    asked = [t for t in use.swapped if whole(t)]
    ignores = {t: _ignores(t, rows) for t in use.swapped}
    chosen = _choose(asked if len(asked) >= limit else list(use.swapped), ignores, limit)
    return [_triptych(t, rows, ignores[t], load_image) for t in chosen]


def _ignores(t: Triptych, rows: Rows) -> bool:
    """Whether the swapped picture got the answer of base, which is not known to be right of it."""
    return t.same_answer and t.shown != rows[t.benchmark, t.uid, t.sample, SWAPPED]["answer"]


def _choose(triptychs: list[Triptych], ignores: Mapping[Triptych, bool], limit: int) -> list[Triptych]:
    same = [t for t in triptychs if ignores[t]]
    other = [t for t in triptychs if not ignores[t]]
    first = min(len(same), max(limit // 2, limit - len(other)))
    return _spaced(same, first) + _spaced(other, limit - first)


def _spaced(triptychs: list[Triptych], count: int) -> list[Triptych]:
    count = min(count, len(triptychs))
    return [triptychs[i * len(triptychs) // count] for i in range(count)]


def _triptych(t: Triptych, rows: Rows, ignores: bool, load_image: ImageLoader) -> dict[str, Any]:
    own = rows[t.benchmark, t.uid, t.sample, BASE]
    panels = []
    for name, title in _PANELS:
        row = rows.get((t.benchmark, t.uid, t.sample, name))
        right = t.shown if name == SWAPPED else own["gold"]
        panels.append(_panel(title, row, right, load_image))
    options = [f"({LETTERS[k]}) {visible(clip(o, 120))}" for k, o in enumerate(own["options"])]
    return {
        "uid": visible(clip(t.uid, 120)),
        "question": visible(clip(own["question"], 400)),
        "options": " ".join(options),
        "same": t.same_answer,
        "ignores": ignores,
        "same_words": t.same_words,
        "panels": panels,
    }


def _panel(
    title: str, row: Mapping[str, Any] | None, right: int | None, load_image: ImageLoader
) -> dict[str, Any]:
    if row is None or row["state"] == "not-asked":
        reason = "not asked" if row is None else row["error"] or "not asked"
        return {"title": title, "image": None, "text": visible(clip(reason, _TEXT)), "answer": "", "mark": ""}
    images = [uri for sha in row["image_sha256"] or () if (uri := data_uri(load_image(sha)))]
    answer = row["answer"]
    if answer is None:
        said, mark = row["state"], "bad"
    else:
        said = f"({LETTERS[answer]}) {visible(clip(row['options'][answer], 120))}"
        mark = "" if right is None else "good" if answer == right else "bad"
    return {
        "title": title,
        "image": images[0] if images else None,
        "text": visible(clip(row["text"] or row["error"] or "", _TEXT)),
        "answer": said,
        "mark": mark,
        "truth": "" if right is None else f"right of this picture: ({LETTERS[right]})",
    }
