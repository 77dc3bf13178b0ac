"""The numbers of docs/training.md that a study's own report does not have.

    python studies/finals.py runs/mini      audits the final models on held-out questions (some ten minutes)
    python studies/finals.py --records studies/mini studies/ablation
    python studies/finals.py --quotes runs/pebble-scenes

The first needs the runs of the study (`unswayed study studies/mini.toml --out runs/mini`); its audits are
kept beside them and gone on with. The second reads records: right under base and every wrong cue asked, by
seed, at each audit. The third counts, in one audit of the bundled model, thoughts that say of a caption what
it does not say.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow.parquet as pq

from unswayed.store.study_records import Records

CONDITIONS = ("base", "stop-think", "wrong-caption", "wrong-think", "wrong-think-but")
ROBUST = ("base", "wrong-caption", "wrong-think")
SAYS_SO = "The caption says so"


def audited(model: Path | str, out: Path) -> list[dict[str, Any]]:
    """512 test questions asked of one model."""
    what = ["audit", str(model), "--benchmark", "scenes-hard", "--split", "test", "--limit", "512"]
    how = ["--conditions", ",".join(CONDITIONS), "--seed", "0", "--max-tokens", "96", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "unswayed", *what, *how], check=True, stdout=subprocess.DEVNULL)
    return rows(out)


def rows(run: Path) -> list[dict[str, Any]]:
    """Trials of an audit, as dictionaries."""
    return list(pq.read_table(run / "trials.parquet").to_pylist())


def shares(trials: list[dict[str, Any]]) -> dict[str, float]:
    """Percent right by condition, and under all of `ROBUST`; the least consistency of any condition."""
    right: dict[str, dict[str, bool]] = defaultdict(dict)
    agree: dict[str, list[bool]] = defaultdict(list)
    for t in trials:
        right[t["condition"]][t["uid"]] = bool(t["correct"])
        if t["consistent"] is not None:
            agree[t["condition"]].append(t["consistent"])
    found = {name: 100 * mean(right[name].values()) for name in CONDITIONS if name in right}
    asked = [name for name in ROBUST if name in right]
    found["robust"] = 100 * mean(all(right[c][uid] for c in asked) for uid in right["base"])
    found["least consistent"] = 100 * min(mean(values) for values in agree.values())
    return found | quotes(trials)


def quotes(trials: list[dict[str, Any]]) -> dict[str, float]:
    """Under wrong captions, percent that look, that rest on the caption, and that say what it does not."""
    told = [t for t in trials if t["condition"] == "wrong-caption" and t["text"]]
    if not told:
        return {}
    said = [t for t in told if SAYS_SO in t["text"]]
    other = [t for t in said if t["concluded"] not in (None, t["cue"])]
    true = [t for t in other if t["concluded"] == t["gold"]]
    counts = {"looks": sum("Look:" in t["text"] for t in told), "says so": len(said)}
    counts |= {"misquotes": len(other), "misquotes with the truth": len(true)}
    return {name: 100 * count / len(told) for name, count in counts.items()}


def finals(study: Path) -> None:
    """A line an arm: mean of the seeds (lowest to highest)."""
    show("start", [shares(audited("pebble", study / "finals" / "start"))])
    by_arm: dict[str, list[dict[str, float]]] = defaultdict(list)
    for run in Records(study).study.runs:
        out = study / "finals" / f"{run.arm}-{run.seed}"
        by_arm[run.arm].append(shares(audited(study / run.folder / "model", out)))
    for arm, found in by_arm.items():
        show(arm, found)


def recorded(study: Path) -> None:
    """A line an arm and step: right under `base` and both wrong cues, by seed."""
    trials: dict[tuple[str, int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in Records(study).audits.to_pylist():
        trials[row["arm"], row["step"], row["seed"]].append({**row, "text": ""})
    for arm, step in sorted({key[:2] for key in trials}):
        seeds = sorted(seed for a, s, seed in trials if (a, s) == (arm, step))
        show(f"{arm} at step {step}", [shares(trials[arm, step, seed]) for seed in seeds])


def show(name: str, found: list[dict[str, float]]) -> None:
    """One line of percentages."""
    parts = []
    for what in found[0]:
        values = [each[what] for each in found]
        each = f" ({', '.join(f'{v:.0f}' for v in values)})" if len(values) > 1 else ""
        parts.append(f"{what} {mean(values):.0f}{each}")
    print(f"{name}: {'; '.join(parts)}", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--records", *folders] if folders:
            for folder in folders:
                recorded(Path(folder))
        case ["--quotes", run]:
            show(run, [quotes(rows(Path(run)))])
        case [folder] if not folder.startswith("-"):
            finals(Path(folder))
        case _:
            sys.exit(__doc__)
