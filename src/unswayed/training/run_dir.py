"""The folder of a training, whatever it learns by: whose it is, what it was begun with, what is kept in it.

::

    OUT/config.json        every setting; a folder begun with others is refused
    OUT/manifest.json      versions, data, what was learnt from
    OUT/metrics.jsonl      a line a step
    OUT/dynamics.jsonl     a line a number: every measure of every audit (also dynamics.parquet)
    OUT/audits/step-…      each audit's run folder, with every answer
    OUT/checkpoints/       to go on from
    OUT/model/             the model after the last step
    OUT/failed.txt         why it came to nothing, if it did
"""

from __future__ import annotations

import json
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from unswayed.benchmarks.registry import Questions
from unswayed.errors import RunChanged, UnswayedError
from unswayed.store.atomic_files import Lock, write_whole
from unswayed.store.atomic_files import told as told_plainly
from unswayed.store.study_records import FAILED
from unswayed.training.config import loader as configs
from unswayed.training.config.common import Training


def check(out: Path, config: Training) -> None:
    """Raise `RunChanged` where the folder was begun with other settings; the guard's may change."""
    file = out / "config.json"
    if not file.exists():
        return
    changed = configs.changed(json.loads(file.read_text("utf-8")), configs.as_dict(config))
    if changed:
        raise RunChanged(f"{out} was begun with other settings ({'; '.join(changed)}); give another folder")


def claim(out: Path, config: Training) -> Lock:
    """Make the folder this config's and this process's own, once it is known that it can be run."""
    with told_plainly(out):
        out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out)
    check(out, config)
    write(out / "config.json", configs.as_dict(config))
    (out / FAILED).unlink(missing_ok=True)
    return lock


def came_to_nothing(out: Path, problem: Exception) -> None:
    """Leave word in the folder of why a training ended without a model."""
    said = str(problem) if isinstance(problem, UnswayedError) else f"{type(problem).__name__}: {problem}"
    write_whole(out / FAILED, (said + "\n").encode())


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.rsplit("-", 1)[1]), reverse=True)
    for each in found:
        try:
            json.loads((each / "trainer_state.json").read_text("utf-8"))  # written last
        except (OSError, ValueError):
            continue
        return each
    return None


def keep(trainer: Any, out: Path) -> None:
    """The model as it is now under OUT/model, whole or not at all; adapters are merged."""
    half = out / ".model"
    shutil.rmtree(half, ignore_errors=True)
    if hasattr(trainer.model, "merge_and_unload"):
        trainer.model.merge_and_unload().save_pretrained(half)
    else:
        trainer.save_model(str(half))
    trainer.processing_class.save_pretrained(half)
    half.replace(out / "model")


def manifest(
    config: Training, questions: Questions, held_out: Questions | None, more: dict[str, Any]
) -> dict[str, Any]:
    """What a training says of itself beside its settings; `more` is what was learnt from."""
    return {
        "arm": config.arm,
        "seed": config.seed,
        "python": platform.python_version(),
        "packages": packages(),
        "questions": about(questions),
        "audited": about(held_out),
        **more,
    }


def packages() -> dict[str, str]:
    """Versions of what a training is made with."""
    found = {}
    for name in ("unswayed", "torch", "transformers", "trl", "datasets", "accelerate", "peft"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def about(questions: Questions | None) -> dict[str, Any] | None:
    """What a manifest says of some questions."""
    if questions is None:
        return None
    return {"benchmark": questions.name, "version": questions.version, "n": len(questions)}


def write(file: Path, value: dict[str, Any]) -> None:
    """JSON for people, whole or not at all."""
    write_whole(file, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())
