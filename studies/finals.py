"""Prints the numbers of docs/training.md that a study's own report does not have.

    python studies/finals.py --records studies/mini               start, end and change, with intervals
    python studies/finals.py --robust studies/mini studies/ablation    robust accuracy by step and seed
    python studies/finals.py --models runs/mini                   audits the final models on test questions
    python studies/finals.py --captions runs/pebble-scenes        what answers to wrong captions rest on

`--records` and `--robust` read committed records alone. Intervals of `--records` are 95 % over questions and
seeds (the t intervals of `unswayed.metrics.training`). `--models` needs the runs of the study (`unswayed
study studies/mini.toml --out runs/mini`); its audits are kept beside them and resumed. `--captions` counts,
in one audit of the bundled model, thoughts that attribute to a caption what it does not say.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow.parquet as pq

from unswayed.metrics.training.series import StudySeries, build_series
from unswayed.metrics.training.trajectories import effect
from unswayed.store.study_records import Records

CONDITIONS = ("base", "stop-think", "wrong-caption", "wrong-think", "wrong-think-but")
ROBUST = ("base", "wrong-caption", "wrong-think")
SAYS_SO = "The caption says so"
COLUMNS = (
    ("accuracy", "base"),
    ("accuracy", "stop-think"),
    ("accuracy", "wrong-caption"),
    ("accuracy", "wrong-think"),
    ("robust_accuracy", "all"),
    ("consistency", "base"),
    ("consistency", "wrong-think"),
)


def print_records(study: Path) -> None:
    """One table row per arm and measure: percent at the first and last step, and the change in points."""
    records = Records(study)
    series = build_series(records.audits, arms=tuple(records.study.arms))
    first, last = series.common()[0], series.common()[-1]
    seeds = {len(of_arm) for of_arm in series.seeds.values()}
    print(f"{study}: steps {first} to {last}, {series.questions} questions, seeds per arm: {seeds}\n")
    print(f"| arm | measure | step {first}, % | step {last}, % | change, points (95 % interval) |")
    print("|---|---|---|---|---|")
    for arm in series.arms:
        for measure, condition in COLUMNS:
            print_change(series, arm, measure, condition, first, last)


def print_change(series: StudySeries, arm: str, measure: str, condition: str, first: int, last: int) -> None:
    """One row of the table of `print_records`, if the measure exists."""
    one = series.find(arm, measure, condition)
    if one is None:
        return
    start, end = (effect([(one, one.at(step))], series.bootstrap) for step in (first, last))
    change = effect([(one, one.at(last) - one.at(first))], series.bootstrap)
    if start is None or end is None or change is None:
        return
    interval = change.interval()
    bounds = "" if interval is None else " ({:+.0f} to {:+.0f})".format(*(100 * bound for bound in interval))
    name = measure.replace("_", " ") if condition == "all" else f"{measure}, `{condition}`"
    print(f"| `{arm}` | {name} | {100 * start.value:.0f} | {100 * end.value:.0f} | "
          f"{100 * change.value:+.0f}{bounds} |")  # fmt: skip


def audit_model(model: Path | str, out: Path) -> list[dict[str, Any]]:
    """Audits one model on 512 test questions; the trials."""
    command = ["audit", str(model), "--benchmark", "scenes-hard", "--split", "test", "--limit", "512"]
    command += ["--conditions", ",".join(CONDITIONS), "--seed", "0", "--max-tokens", "96", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "unswayed", *command], check=True, stdout=subprocess.DEVNULL)
    return read_trials(out)


def read_trials(run: Path) -> list[dict[str, Any]]:
    """Trials of an audit, as dictionaries."""
    return list(pq.read_table(run / "trials.parquet").to_pylist())


def percentages(trials: list[dict[str, Any]]) -> dict[str, float]:
    """Percent correct by condition, and under all of `ROBUST`; the lowest consistency of any condition."""
    correct: dict[str, dict[str, bool]] = defaultdict(dict)
    consistent: dict[str, list[bool]] = defaultdict(list)
    for t in trials:
        correct[t["condition"]][t["uid"]] = bool(t["correct"])
        if t["consistent"] is not None:
            consistent[t["condition"]].append(t["consistent"])
    result = {name: 100 * mean(correct[name].values()) for name in CONDITIONS if name in correct}
    present = [name for name in ROBUST if name in correct]
    result["robust"] = 100 * mean(all(correct[c][uid] for c in present) for uid in correct["base"])
    result["lowest consistency"] = 100 * min(mean(values) for values in consistent.values())
    return result | caption_use(trials)


def caption_use(trials: list[dict[str, Any]]) -> dict[str, float]:
    """Under wrong captions, percent that describe the image, that rest on the caption, and that misquote
    it."""
    cued = [t for t in trials if t["condition"] == "wrong-caption" and t["text"]]
    if not cued:
        return {}
    quoting = [t for t in cued if SAYS_SO in t["text"]]
    misquoting = [t for t in quoting if t["concluded"] not in (None, t["cue"])]
    with_truth = [t for t in misquoting if t["concluded"] == t["gold"]]
    counts = {"describes": sum("Look:" in t["text"] for t in cued), "rests on the caption": len(quoting)}
    counts |= {"misquotes it": len(misquoting), "misquotes it with the truth": len(with_truth)}
    return {name: 100 * count / len(cued) for name, count in counts.items()}


def print_models(study: Path) -> None:
    """One line per arm: mean of the seeds, and each seed."""
    print_line("start", [percentages(audit_model("pebble", study / "finals" / "start"))])
    by_arm: dict[str, list[dict[str, float]]] = defaultdict(list)
    for run in Records(study).study.runs:
        out = study / "finals" / f"{run.arm}-{run.seed}"
        by_arm[run.arm].append(percentages(audit_model(study / run.folder / "model", out)))
    for arm, by_seed in by_arm.items():
        print_line(arm, by_seed)


def print_robust(study: Path) -> None:
    """One line per arm and step: percentages from the records, by seed."""
    trials: dict[tuple[str, int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in Records(study).audits.to_pylist():
        trials[row["arm"], row["step"], row["seed"]].append({**row, "text": ""})
    for arm, step in sorted({key[:2] for key in trials}):
        seeds = sorted(seed for a, s, seed in trials if (a, s) == (arm, step))
        print_line(f"{arm} at step {step}", [percentages(trials[arm, step, seed]) for seed in seeds])


def print_line(name: str, by_seed: list[dict[str, float]]) -> None:
    """One line of percentages: the mean, and the seeds in brackets."""
    parts = []
    for measure in by_seed[0]:
        values = [each[measure] for each in by_seed]
        seeds = f" ({', '.join(f'{v:.0f}' for v in values)})" if len(values) > 1 else ""
        parts.append(f"{measure} {mean(values):.0f}{seeds}")
    print(f"{name}: {'; '.join(parts)}", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--records", *folders] if folders:
            for folder in folders:
                print_records(Path(folder))
        case ["--robust", *folders] if folders:
            for folder in folders:
                print_robust(Path(folder))
        case ["--captions", run]:
            print_line(run, [caption_use(read_trials(Path(run)))])
        case ["--models", folder]:
            print_models(Path(folder))
        case _:
            sys.exit(__doc__)
