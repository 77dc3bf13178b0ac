"""From the folders of the runs to the records of the study: a few small tables and pictures.

Decided here: how much is kept. All numbers, every question's outcome, and the words of a few questions,
chosen by their uids alone so that all runs and steps show the same ones. A run whose folder has been removed
keeps the rows that the records have of it, so that checkpoints can go before a study is extended.
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
from unswayed.store.atomic_files import told, write_whole
from unswayed.store.study_records import (
    ALL,
    DYNAMICS,
    METRICS,
    TABLES,
    RunState,
    StudyState,
)
from unswayed.store.tables import write_tables

PICTURES = 2 * 2**20
"""Room for the pictures of the kept questions, in bytes; a picture that does not fit is left out."""


def gather(folder: str | Path, rollouts: int) -> int:
    """Make the records in `folder` of its runs; how many of these have any. `rollouts`: questions to read.

    Raises `BadInput` where the folder is no study's.
    """
    folder = Path(folder)
    state = StudyState.read(folder)
    names = list(state.arms)
    runs = sorted(state.runs, key=lambda run: (names.index(run.arm), run.seed))
    parts: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
    pictures: dict[str, Path] = {}
    old = {name: _old(folder / f"{name}.parquet", schema) for name, schema in TABLES.items()}
    found = 0
    for run in runs:
        if (folder / run.folder / "dynamics.jsonl").exists():
            new = of_run(run, folder / run.folder, rollouts, pictures)
        else:
            mine = {n: (pc.field("arm") == run.arm) & (pc.field("seed") == run.seed) for n in TABLES}
            new = {name: old[name].filter(mine[name]) for name in TABLES}
        found += new["dynamics"].num_rows > 0
        for name, part in new.items():
            parts[name].append(part)
    for name, schema in TABLES.items():
        write_tables(
            [pa.concat_tables([schema.empty_table(), *parts[name]])], schema, folder / f"{name}.parquet"
        )
    _keep(folder / "images", pictures, pa.concat_tables(parts["rollouts"]))
    return found


def of_run(run: RunState, folder: Path, rollouts: int, pictures: dict[str, Path]) -> dict[str, pa.Table]:
    """The rows of one run; the files of its pictures join `pictures`."""
    numbers = [{**row, "arm": run.arm, "seed": run.seed} for row in _lines(folder / "dynamics.jsonl")]
    outcomes, words = [TABLES["audits"].empty_table()], [TABLES["rollouts"].empty_table()]
    for step in sorted({row["step"] for row in numbers}):
        at = folder / "audits" / f"step-{step:06d}"
        if not (at / "manifest.json").exists():
            continue
        trials = Run.load(at).trials
        own = {"arm": run.arm, "seed": run.seed, "step": step}
        outcomes.append(_outcomes(trials, own))
        read = trials.filter(
            pc.is_in(trials["uid"], value_set=pa.array(chosen(trials, rollouts), pa.string()))
        )
        words.append(_like("rollouts", read, own))
        for name in {sha for shas in read["image_sha256"].to_pylist() for sha in shas or ()}:
            pictures.setdefault(name, at / "images" / name)
    return {
        "dynamics": pa.Table.from_pylist(numbers, schema=DYNAMICS),
        "metrics": pa.Table.from_pylist(list(_metrics(folder / "metrics.jsonl", run)), schema=METRICS),
        "audits": pa.concat_tables(outcomes),
        "rollouts": pa.concat_tables(words),
    }


def chosen(trials: pa.Table, count: int) -> list[str]:
    """Uids of the questions to read: by hash, one of each family before a second of any."""
    seen = {(row["family"], row["benchmark"], row["uid"]) for row in _questions(trials)}
    families: dict[str, int] = {}
    ranked = []
    for family, _benchmark, uid in sorted(
        seen, key=lambda q: hashlib.sha256(f"{q[1]}/{q[2]}".encode()).digest()
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
    return _like("audits", trials.append_column("thought_template", template_codes(trials)), own)


def _like(name: str, trials: pa.Table, own: dict[str, Any]) -> pa.Table:
    """Trials in the columns of a table of the records, with the run's own in front."""
    schema = TABLES[name]
    columns = [
        pa.array([own[f.name]] * trials.num_rows, f.type) if f.name in own else trials[f.name].cast(f.type)
        for f in schema
    ]
    return pa.table(columns, schema=schema)


def _metrics(file: Path, run: RunState) -> Iterator[dict[str, Any]]:
    for line in _lines(file):
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


def _lines(file: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of JSON lines; none where there is no file."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]]


def _old(file: Path, schema: pa.Schema) -> pa.Table:
    try:
        return pq.read_table(file, schema=schema)
    except (OSError, pa.ArrowException):
        return schema.empty_table()  # not there, or of another version: the runs are asked


def _keep(folder: Path, pictures: dict[str, Path], words: pa.Table) -> None:
    """Exactly the pictures that the words speak of, as far as there is room."""
    wanted = sorted({sha for shas in words["image_sha256"].to_pylist() for sha in shas or ()})
    with told(folder):
        folder.mkdir(exist_ok=True)
        room = PICTURES
        for name in wanted:
            at = folder / name
            if not at.exists() and name in pictures and pictures[name].exists():
                data = pictures[name].read_bytes()
                if len(data) <= room:
                    write_whole(at, data, sync=False)
            room -= at.stat().st_size if at.exists() else 0
        for at in folder.iterdir():
            if at.name not in wanted:
                at.unlink()
