"""One run as a log of inspect_ai, as plain values: the settings of the run, and its metrics by condition.

The results are those of the report: one metric per condition, with interval and count in its metadata. Trials
that were not asked are no samples; their number is in the log's metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unswayed.export.sample import SCORES, ImageUri, sample
from unswayed.metrics.summary import Summary
from unswayed.store.manifest import run_format
from unswayed.trial import UNDER_CUE

TASK = "unswayed"


def samples(trials: pa.Table, manifest: Mapping[str, Any], image_uri: ImageUri) -> Iterator[dict[str, Any]]:
    """The fields of every sample, in the table's order: by question, then condition, then repetition."""
    asked = trials.filter(pc.not_equal(trials["state"], "not-asked"))
    several = len(trials["benchmark"].unique()) > 1
    systems = {name: strings["system"] for name, strings in manifest["asks"].get("templates", {}).items()}
    model, format = model_name(manifest), run_format(manifest)
    for batch in asked.to_batches(max_chunksize=1024):
        for row in batch.to_pylist():
            # The condition first: the viewer shows the beginning of long names.
            name = f"{row['benchmark']}/{row['uid']}" if several else row["uid"]
            system = systems.get(row["condition"], "")
            yield sample(row, system, image_uri, model, f"{row['condition']} {name}", format)


def header(manifest: Mapping[str, Any], summary: Summary, names: Iterable[str]) -> dict[str, Any]:
    """The fields of an `EvalLog` besides its samples, whose ids are `names`."""
    asks, sessions = manifest["asks"], manifest["sessions"]
    sampling = asks.get("sampling", {})
    refused = asks.get("capabilities", {}).get("refused", ())
    sent = [name for name in ("temperature", "top_p", "max_tokens") if name not in refused]
    config = {name: sampling[name] for name in sent if name in sampling}
    if sampling.get("stop"):
        config["stop_seqs"] = list(sampling["stop"])
    ids = list(dict.fromkeys(names))
    finished = "finished" in manifest
    states: dict[str, int] = {}
    for row in summary.rows:
        for state, count in row.states.items():
            states[state] = states.get(state, 0) + count
    digest = hashlib.sha256(json.dumps([asks, sessions[0]], sort_keys=True).encode()).hexdigest()
    started = sessions[0]["started"]
    headline = {"score": "correct", "metric": summary.rows[0].condition}
    return {
        "status": "success" if finished else "cancelled",
        "eval": {
            "created": started,
            "task": TASK,
            "task_display_name": f"{TASK}: {', '.join(summary.benchmarks)}",
            "eval_id": digest[:22],
            "run_id": digest[22:44],
            "task_id": digest[42:64],
            "dataset": {"name": ", ".join(summary.benchmarks), "samples": len(ids), "sample_ids": ids},
            "model": model_name(manifest),
            "model_generate_config": config,
            "config": {"epochs": asks.get("samples", 1)},
            "packages": {k: v for k, v in sessions[0].get("versions", {}).items() if k not in ("python",)},
            "metadata": {"asks": asks, "states": states, "finished": finished},
            "headline_metric": headline,
        },
        "plan": {"steps": [{"solver": name} for name in asks.get("conditions", [])], "config": config},
        "stats": {"started_at": started, "completed_at": sessions[-1]["started"]},
        "results": {**results(summary), "headline": headline},
    }


def results(summary: Summary) -> dict[str, Any]:
    """The fields of an `EvalResults`: every score of the samples, by condition."""
    asked = sum(row.asked for row in summary.rows)
    scores = []
    for name, measure in (*SCORES.items(), *((f"under_cue: {kind}", kind) for kind in UNDER_CUE)):
        metrics, n = {}, 0
        for row in summary.rows:
            e = row.measures.get(measure)
            if e is not None and e.value is not None:
                interval = {"low": e.low, "high": e.high, "n": e.n}
                metrics[row.condition] = {"name": row.condition, "value": e.value, "metadata": interval}
                n += e.n
        if metrics:
            scores.append({"name": name, "scorer": measure, "scored_samples": n, "metrics": metrics})
    table = {
        row.condition: {name: asdict(e) for name, e in row.measures.items() if e.value is not None}
        for row in summary.rows
    }
    return {
        "total_samples": asked,
        "completed_samples": asked - sum(row.states["error"] for row in summary.rows),
        "scores": scores,
        "metadata": {"measures": table, "overall": {k: asdict(e) for k, e in summary.overall.items()}},
    }


def model_name(manifest: Mapping[str, Any]) -> str:
    """The model's name in the form of inspect_ai: PROVIDER/NAME."""
    asks = manifest["asks"]
    kind = str(asks.get("backend", "")).split(" ")[0].lower() or "unswayed"
    return f"{kind}/{str(asks['model']).removeprefix(f'{kind}:')}"
