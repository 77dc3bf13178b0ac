"""The folder of a training run: its config, what is stored in it, and the model at the end.

::

    OUT/config.json        every setting; a folder begun with others is refused
    OUT/manifest.json      versions, data, what was learned from
    OUT/metrics.jsonl      one line per step
    OUT/dynamics.jsonl     one line per number: every measure of every audit (also dynamics.parquet)
    OUT/audits/step-…      each audit's run folder, with every response
    OUT/checkpoints/       to resume from
    OUT/model/             the model after the last step
    OUT/failed.txt         why the run failed, if it did
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
from unswayed.store.atomic_files import Lock, os_errors_as_bad_input, write_atomic
from unswayed.store.study_records import FAILED
from unswayed.training.config import loader
from unswayed.training.config.common import TrainingConfig


def check_config(out: Path, config: TrainingConfig) -> None:
    """Raises `RunChanged` where the folder was begun with other settings; those of the guard may change."""
    file = out / "config.json"
    if not file.exists():
        return
    changed = loader.changed_settings(json.loads(file.read_text("utf-8")), loader.as_dict(config))
    if changed:
        raise RunChanged(f"{out} was begun with other settings ({'; '.join(changed)}); give another folder")


def claim(out: Path, config: TrainingConfig) -> Lock:
    """Creates and locks the folder, and stores the config, once it is known that the run can start."""
    with os_errors_as_bad_input(out):
        out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out)
    check_config(out, config)
    write_json(out / "config.json", loader.as_dict(config))
    (out / FAILED).unlink(missing_ok=True)
    return lock


def write_failure(out: Path, error: Exception) -> None:
    """Stores the reason why a training ended without a model."""
    reason = str(error) if isinstance(error, UnswayedError) else f"{type(error).__name__}: {error}"
    write_atomic(out / FAILED, (reason + "\n").encode())


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint."""
    newest_first = sorted(
        folder.glob("checkpoint-*"), key=lambda p: int(p.name.rsplit("-", 1)[1]), reverse=True
    )
    for checkpoint in newest_first:
        try:
            json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))  # written last
        except (OSError, ValueError):
            continue
        return checkpoint
    return None


def save_model(trainer: Any, out: Path) -> None:
    """Saves the model to OUT/model atomically; adapters are merged."""
    temporary = out / ".model"
    shutil.rmtree(temporary, ignore_errors=True)
    if hasattr(trainer.model, "merge_and_unload"):
        trainer.model.merge_and_unload().save_pretrained(temporary)
    else:
        trainer.save_model(str(temporary))
    trainer.processing_class.save_pretrained(temporary)
    temporary.replace(out / "model")


def manifest(
    config: TrainingConfig, questions: Questions, held_out: Questions | None, more: dict[str, Any]
) -> dict[str, Any]:
    """What is stored about a training beside its settings; `more`: what it learned from."""
    return {
        "arm": config.arm,
        "seed": config.seed,
        "format": config.prompt_format.as_dict(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "questions": describe_questions(questions),
        "audited": describe_questions(held_out),
        **more,
    }


def package_versions() -> dict[str, str]:
    """Versions of the packages that a training depends on; empty where one is not installed."""
    versions = {}
    for name in ("unswayed", "torch", "transformers", "trl", "datasets", "accelerate", "peft"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = ""
    return versions


def describe_questions(questions: Questions | None) -> dict[str, Any] | None:
    """Name, version and number of questions, for the manifest."""
    if questions is None:
        return None
    return {"benchmark": questions.name, "version": questions.version, "n": len(questions)}


def write_json(file: Path, value: dict[str, Any]) -> None:
    """Writes readable JSON atomically."""
    write_atomic(file, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())
