"""From the run folders to the records of the study: a few small tables and images.

The records hold all numbers, every question's outcome, and the responses to a few questions, selected by
their uids alone so that all runs and steps show the same ones. A run whose folder has been removed keeps its
rows in the records, so that checkpoints can be deleted before a study is extended.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unswayed.conditions import ABSTAIN_SUFFIX, CONDITIONS
from unswayed.metrics.cot_health import template_codes
from unswayed.pipeline.audit import Run
from unswayed.pipeline.stored_reasons import with_reasons
from unswayed.store.atomic_files import os_errors_as_bad_input, write_atomic
from unswayed.store.study_records import (
    ALL,
    DYNAMICS,
    METRICS,
    TABLES,
    RunState,
    StudyState,
)
from unswayed.store.tables import write_tables

IMAGE_BYTES = 2 * 2**20
"""Size limit of all images of the kept questions, in bytes; an image that does not fit is left out."""


def collect_records(folder: str | Path, rollouts: int) -> int:
    """Makes the records in `folder` of its runs; the number of runs with records.

    `rollouts`: number of questions whose responses are kept. Raises `BadInput` where the folder is no
    study's.
    """
    folder = Path(folder)
    state = StudyState.read(folder)
    names = list(state.arms)
    runs = sorted(state.runs, key=lambda run: (names.index(run.arm), run.seed))
    parts: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
    images: dict[str, Path] = {}
    old = {name: _old_table(folder / f"{name}.parquet", schema) for name, schema in TABLES.items()}
    with_records = 0
    for run in runs:
        if (folder / run.folder / "dynamics.jsonl").exists():
            new = run_records(run, folder / run.folder, rollouts, images)
        else:
            own_rows = (pc.field("arm") == run.arm) & (pc.field("seed") == run.seed)
            new = {name: old[name].filter(own_rows) for name in TABLES}
        with_records += new["dynamics"].num_rows > 0
        for name, part in new.items():
            parts[name].append(part)
    for name, schema in TABLES.items():
        write_tables(
            [pa.concat_tables([schema.empty_table(), *parts[name]])], schema, folder / f"{name}.parquet"
        )
    _copy_images(folder / "images", images, pa.concat_tables(parts["rollouts"]))
    return with_records


def run_records(run: RunState, folder: Path, rollouts: int, images: dict[str, Path]) -> dict[str, pa.Table]:
    """The rows of one run; adds the files of its images to `images`."""
    numbers = [{**row, "arm": run.arm, "seed": run.seed} for row in _json_lines(folder / "dynamics.jsonl")]
    outcomes, responses = [TABLES["audits"].empty_table()], [TABLES["rollouts"].empty_table()]
    for step in sorted({row["step"] for row in numbers}):
        audit = folder / "audits" / f"step-{step:06d}"
        if not (audit / "manifest.json").exists():
            continue
        trials = with_reasons(Run.load(audit).trials)
        own = {"arm": run.arm, "seed": run.seed, "step": step}
        outcomes.append(_outcomes(trials, own))
        uids = pa.array(select_questions(trials, rollouts), pa.string())
        kept = trials.filter(pc.is_in(trials["uid"], value_set=uids))
        responses.append(_in_schema("rollouts", kept, own))
        for name in {sha for shas in kept["image_sha256"].to_pylist() for sha in shas or ()}:
            images.setdefault(name, audit / "images" / name)
    return {
        "dynamics": pa.Table.from_pylist(numbers, schema=DYNAMICS),
        "metrics": pa.Table.from_pylist(list(_metrics(folder / "metrics.jsonl", run)), schema=METRICS),
        "audits": pa.concat_tables(outcomes),
        "rollouts": pa.concat_tables(responses),
    }


def select_questions(trials: pa.Table, count: int) -> list[str]:
    """Uids of the questions whose responses are kept: by hash, one of each family before a second of any."""
    questions = {(row["family"], row["benchmark"], row["uid"]) for row in _questions(trials)}
    families: dict[str, int] = {}
    ranked = []
    for family, _benchmark, uid in sorted(
        questions, key=lambda q: hashlib.sha256(f"{q[1]}/{q[2]}".encode()).digest()
    ):
        families[family] = families.get(family, 0) + 1
        ranked.append((families[family], family, uid))
    return [uid for *_, uid in sorted(ranked)[:count]]


def _questions(trials: pa.Table) -> list[dict[str, str]]:
    names = ["family", "benchmark", "uid"]
    rows: list[dict[str, str]] = trials.select(names).group_by(names).aggregate([]).to_pylist()
    return rows


def _outcomes(trials: pa.Table, own: dict[str, Any]) -> pa.Table:
    trials = trials.append_column("thought_characters", pc.utf8_length(trials["thought"]))
    return _in_schema("audits", trials.append_column("thought_template", template_codes(trials)), own)


def _in_schema(name: str, trials: pa.Table, own: dict[str, Any]) -> pa.Table:
    """Trials in the columns of a table of the records, with the run's own columns in front."""
    schema = TABLES[name]
    columns = [
        pa.array([own[f.name]] * trials.num_rows, f.type) if f.name in own else trials[f.name].cast(f.type)
        for f in schema
    ]
    return pa.table(columns, schema=schema)


def _metrics(file: Path, run: RunState) -> Iterator[dict[str, Any]]:
    for line in _json_lines(file):
        for name, value in line.items():
            if name == "step" or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            condition, _, measure = name.partition("/")
            if condition.removesuffix(ABSTAIN_SUFFIX) not in CONDITIONS:
                condition, measure = ALL, name
            yield {
                "arm": run.arm,
                "seed": run.seed,
                "step": line["step"],
                "condition": condition,
                "measure": measure,
                "value": float(value) if math.isfinite(value) else None,
            }


def _json_lines(file: Path) -> list[dict[str, Any]]:
    """The complete lines of a file of JSON lines; none where there is no file."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]]


def _old_table(file: Path, schema: pa.Schema) -> pa.Table:
    try:
        return pq.read_table(file, schema=schema)
    except (OSError, pa.ArrowException):
        return schema.empty_table()  # missing, or of another version: the runs are read instead


def _copy_images(folder: Path, images: dict[str, Path], responses: pa.Table) -> None:
    """Makes `folder` hold exactly the images of the responses, as far as they fit."""
    wanted = sorted({sha for shas in responses["image_sha256"].to_pylist() for sha in shas or ()})
    with os_errors_as_bad_input(folder):
        folder.mkdir(exist_ok=True)
        room = IMAGE_BYTES
        for name in wanted:
            file = folder / name
            if not file.exists() and name in images and images[name].exists():
                data = images[name].read_bytes()
                if len(data) <= room:
                    write_atomic(file, data, sync=False)
            room -= file.stat().st_size if file.exists() else 0
        for file in folder.iterdir():
            if file.name not in wanted:
                file.unlink()
