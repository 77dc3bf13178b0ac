"""The page of a study, or of one training run: from the records on the disk to one HTML file.

Decided here: what a folder is (a study has its `study.json`, a training run its `dynamics.jsonl`), and that a
page is made of the records alone, with nobody asked and nothing trained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.formatting import clip
from unswayed.metrics.training.alarms import rings
from unswayed.metrics.training.claims import claims
from unswayed.metrics.training.series import Study, study
from unswayed.report.html_tables import plain, table
from unswayed.report.manifest import sections as manifest_sections
from unswayed.report.page import json_block, render
from unswayed.report.study import figures as study_figures
from unswayed.report.study import rollouts as study_rollouts
from unswayed.report.study import sections
from unswayed.store.atomic_files import write_whole
from unswayed.store.study_records import (
    FAILED,
    STATE_FILE,
    Records,
    RunState,
)

PAGE = "report.html"
ROLLOUTS = 4
"""Questions to read on the page of one training run."""


@dataclass(frozen=True)
class Material:
    """What a page is made of."""

    title: str
    arms: Mapping[str, Mapping[str, Any]]
    """Settings by arm, in order."""
    runs: Sequence[RunState]
    audits: pa.Table
    metrics: pa.Table
    dynamics: pa.Table
    rollouts: pa.Table
    picture: Callable[[str], bytes | None]

    def measured(self) -> Study:
        """All series. Raises `BadInput` where nothing has been audited."""
        if not self.audits.num_rows:
            raise BadInput(f"{self.title}: no audit in the records yet; train on, or set audit.every")
        return study(self.audits, self.metrics, self.dynamics, arms=list(self.arms))


def load(folder: Path) -> Material:
    """The records of a study, or those of one training run. Raises `BadInput` where there are none."""
    if (folder / STATE_FILE).is_file():
        found = Records(folder)
        tables = {name: getattr(found, name) for name in ("audits", "metrics", "dynamics", "rollouts")}
        return Material(
            folder.resolve().name, found.study.arms, found.study.runs, picture=found.picture, **tables
        )
    if not (folder / "dynamics.jsonl").is_file():
        raise BadInput(f"{folder}: no study and no training run; give the folder of one")
    return _run(folder)


def write_study_report(folder: Path, out: Path | None = None) -> Path:
    """Write the page of a study or training run, by default into its folder; returns where."""
    target = out or Path(folder) / PAGE
    _write(target, build(load(Path(folder))))
    return target


def write_training_figure(folder: Path, out: Path, measure: str | None = None) -> Path:
    """Write accuracy against faithfulness, or a `measure` over steps, as an SVG file; returns where.

    Raises `BadInput` where no arm has two audits with a judged thought, or none has the measure.
    """
    material = load(Path(folder))
    found = material.measured()
    drawing = sections.trajectories(found) if measure is None else sections.over_steps(found, measure)
    if drawing is None:
        raise BadInput(
            f"{folder}: no arm has two audits with accuracy and consistency, so nothing can be drawn"
        )
    _write(out, study_figures.standalone(drawing["svg"], found.arms))
    return out


def build(material: Material) -> str:
    """The page as one HTML file."""
    found = material.measured()
    rung = rings(found)
    said = study_rollouts.gather(material.rollouts, material.picture, found.arms, found.conditions)
    fewest = min(len(seeds) for seeds in found.seeds.values())
    return render(
        "study.html.j2",
        scripts=("theme.js", "browser.js", "study.js"),
        styles=("page.css", "study.css"),
        title=f"{clip(material.title, 80)}: what training did",
        sentence=sections.headline(found, rung),
        small=sections.small(found),
        many=len(found.arms) > 1,
        one_seed=fewest == 1,
        two_seeds=fewest == 2,
        trajectories=sections.trajectories(found),
        tables=sections.tables(found),
        claims=sections.claims(claims(found)),
        alarms=sections.alarms(found, rung),
        drawings=list(sections.drawings(found)),
        rollouts=said,
        static=said.asked[0] if said.asked else None,
        runs=_runs(material.runs),
        manifest=list(manifest_sections(material.arms)),
        data=json_block({"asked": said.asked, "images": said.images}),
    )


def _runs(runs: Sequence[RunState]) -> dict[str, Any] | None:
    heads = [
        ("run", ""),
        ("state", ""),
        ("steps", "made, of those to make"),
        ("minutes", "wall time"),
        ("", ""),
    ]
    lines = [
        (
            f"{clip(run.arm, 60)}, seed {run.seed}",
            [
                plain(run.state),
                plain(f"{run.step:,} of {run.steps:,}"),
                plain(f"{run.seconds / 60:,.0f}" if run.seconds else "—"),
                plain(clip(run.reason, 400)),
            ],
        )
        for run in runs
    ]
    return table("Runs", heads, lines) if lines else None


def _run(folder: Path) -> Material:
    """One training run as a study of one arm and one seed."""
    from unswayed.study.collect import of_run

    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        arm, seed = str(config["arm"]), int(config["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{folder / 'config.json'}: cannot be read as a training run's settings ({error})"
        ) from error
    pictures: dict[str, Path] = {}
    tables = of_run(RunState(arm, seed), folder, ROLLOUTS, pictures)
    last = max((row for row in tables["metrics"]["step"].to_pylist()), default=0)
    steps = int(config.get("grpo", {}).get("steps", last))
    reason = (folder / FAILED).read_text("utf-8").strip() if (folder / FAILED).exists() else ""
    become = "done" if (folder / "model").exists() else "failed" if reason else "stopped"
    state = RunState(arm, seed, become, reason, last, steps)

    def picture(sha256: str) -> bytes | None:
        at = pictures.get(sha256)
        return at.read_bytes() if at and re.fullmatch(r"[0-9a-f]{64}", sha256) and at.is_file() else None

    return Material(f"{arm}, seed {seed}", {arm: config}, [state], picture=picture, **tables)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
