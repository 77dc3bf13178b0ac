"""One supervised finetuning in one folder: start or resume, learn, audit, save the model.

The folder is that of any training (see `unswayed.training.run_dir`), so that reports, audits and further
training work on it. Its manifest also says how many examples were learned and what was left out. Examples
that have changed since the run was begun are refused, because the config names only files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unswayed.benchmarks.registry import Questions
from unswayed.errors import BadInput, RunChanged
from unswayed.training import run_dir, session
from unswayed.training.config import loader
from unswayed.training.config.sft import SftConfig
from unswayed.training.sft.example import examples_digest
from unswayed.training.sft.examples import ExampleSet, collect_examples


def load_sft_config(path: str | Path, changes: list[str] | tuple[str, ...] = ()) -> SftConfig:
    """The config in a TOML file, with ``key=value`` changes. Raises `BadInput`."""
    return loader.build(SftConfig, loader.read_toml(path), changes, source=str(path))


def finetune(
    config: SftConfig,
    out: str | Path,
    *,
    until: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int | None, str], None] | None = None,
    on_message: Callable[[str], None] = lambda line: None,
) -> bool:
    """Learns as `config` says in the folder `out`, or resumes there; True once the last step is done.

    `until`: save and stop after that step; `stop` is called after every step and does the same when True.
    `on_progress` gets (step, total, note), `on_message` a line about the examples and one for every audit.
    Raises `BadInput`, `RunChanged` for a folder of another config or other examples, `MissingExtra`,
    `Diverged` for a loss that is not finite, `Collapsed` where it rises and stays high.
    """
    out = Path(out)
    monitor_options: dict[str, Any] = {"until": until, "stop": stop, "on_progress": on_progress}
    return session.run_unless_done(config, out, lambda: _finetune(config, out, monitor_options, on_message))


def _finetune(
    config: SftConfig, out: Path, monitor_options: dict[str, Any], on_message: Callable[[str], None]
) -> bool:
    from unswayed.training.sft.collator import ExampleCollator
    from unswayed.training.sft.guards import LossRiseDetector, SftMonitor
    from unswayed.training.sft.trainer import SftTrainer
    from unswayed.training.weights import ModelSource

    session.configure_libraries(config)
    questions, held_out = session.training_questions(config), session.audit_questions(config)
    collected = collect_examples(config, questions)
    if held_out is not None:
        session.check_disjoint(config, [each.question for each in collected.examples], held_out)
    source = ModelSource.find(session.model_path(config), config.model)
    model = source.load()
    collator = ExampleCollator(source.processor, model, Path(source.path).name)
    kept, too_long = collator.fitting(collected.examples, config.thoughts.longest)
    collected = ExampleSet(tuple(kept), {**collected.left_out, **too_long})
    if not kept:
        raise BadInput(f"no example is left ({collected.describe()}); raise thoughts.longest")
    on_message(collected.describe())
    if config.sft.peft_rank:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=config.sft.peft_rank, target_modules="all-linear"))
    observers = session.Observers.create(config, source, held_out, out, on_message)
    monitor = SftMonitor(
        out / "metrics.jsonl",
        detector=lambda: LossRiseDetector(config.guard),
        patience=config.guard.patience,
        **monitor_options,
    )
    callbacks = [*filter(None, [observers.audit_callback]), monitor]
    trainer = SftTrainer(model, collator, kept, config, out / "checkpoints", callbacks=callbacks)
    observers.attach(config, trainer)
    lock = run_dir.claim(out, config)
    try:
        _write_manifest(out / "manifest.json", config, questions, held_out, collected)
    except BaseException:
        lock.close()
        raise
    memory_advice = (
        f"out of memory; lower sft.micro_batch first (now {config.sft.micro_batch or config.rows_per_step} "
        "examples at a time), then thoughts.longest, or set sft.gradient_checkpointing = true or "
        "sft.peft_rank"
    )
    return session.run_trainer(trainer, out, lock, memory_advice)


def _write_manifest(
    file: Path, config: SftConfig, questions: Questions, held_out: Questions | None, collected: ExampleSet
) -> None:
    """Writes the manifest. Raises `RunChanged` where the folder was begun with other examples."""
    examples = collected.examples
    entry = {"n": len(examples), "sha256": examples_digest(examples), "left_out": collected.left_out}
    if file.exists():
        before = json.loads(file.read_text("utf-8")).get("examples", {}).get("sha256")
        if before not in (None, entry["sha256"]):
            raise RunChanged(
                f"{file.parent} was begun with other examples (the files that the config names have changed "
                "since); restore them, or give another folder"
            )
    run_dir.write_json(file, run_dir.manifest(config, questions, held_out, {"examples": entry}))
