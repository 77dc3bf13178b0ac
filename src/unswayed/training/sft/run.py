"""One supervised finetuning in one folder: begin or go on, learn, audit, keep the model.

The folder is that of any training (see `unswayed.training.run_dir`), so that reports, audits and further
training work on it. Its manifest also says how many examples were learnt and what was left out; examples
that are no longer those of the first day are refused, for the config names only files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unswayed.benchmarks.registry import Questions
from unswayed.errors import BadInput, RunChanged
from unswayed.training import run_dir, session
from unswayed.training.config import loader as configs
from unswayed.training.sft.example import digest
from unswayed.training.sft.examples import Found, gather
from unswayed.training.sft.settings import Config


def load(path: str | Path, changes: list[str] | tuple[str, ...] = ()) -> Config:
    """The config in a TOML file, with ``key=value`` changes. Raises `BadInput` for whatever is wrong."""
    return configs.typed(Config, configs.tables(path), changes, where=str(path))


def finetune(
    config: Config,
    out: str | Path,
    *,
    until: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int | None, str], None] | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> bool:
    """Learn as `config` says in the folder `out`, or go on there; True once the last step is done.

    `until` saves and stops after that step; `stop` is asked after every step and does the same. `progress`
    is told (step, of how many, note), `told` a line about the examples and one for every audit. Raises
    `BadInput`, `RunChanged` for a folder of another config or other examples, `MissingExtra`, `Diverged`
    where the loss is no number, `Collapsed` where it rises and stays up.
    """
    how: dict[str, Any] = {"until": until, "stop": stop, "progress": progress}
    return session.enter(config, Path(out), lambda: _finetune(config, Path(out), how, told))


def _finetune(config: Config, out: Path, how: dict[str, Any], told: Callable[[str], None]) -> bool:
    from unswayed.training.sft.collator import Sheet
    from unswayed.training.sft.guards import Watch
    from unswayed.training.sft.trainer import Trainer
    from unswayed.training.weights import Weights

    session.quiet(config)
    questions, held_out = session.training_questions(config), session.audit_questions(config)
    found = gather(config, questions)
    if held_out is not None:
        session.disjoint([each.question for each in found.examples], held_out)
    weights = Weights.find(session.model_path(config), config.model)
    model, processor = weights.load(), weights.processor
    sheet = Sheet(processor, model, Path(weights.path).name)
    kept, long = sheet.fitting(found.examples, config.thoughts.longest)
    found = Found(tuple(kept), {**found.left_out, **long})
    if not kept:
        raise BadInput(f"no example is left ({found.told()}); raise thoughts.longest")
    told(found.told())
    if config.sft.peft_rank:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=config.sft.peft_rank, target_modules="all-linear"))
    seen = session.Onlookers.of(config, weights, held_out, out, told)
    callbacks = [*filter(None, [seen.auditor]), Watch(out / "metrics.jsonl", config.guard, **how)]
    trainer = Trainer(model, sheet, kept, config, out / "checkpoints", callbacks=callbacks)
    seen.attach(config, trainer)
    lock = run_dir.claim(out, config)
    try:
        _write(out / "manifest.json", config, questions, held_out, found)
    except BaseException:
        lock.close()
        raise
    lack = (
        f"out of memory; lower sft.micro_batch first (now {config.sft.micro_batch or config.rows} examples "
        "at a time), then thoughts.longest, or set sft.gradient_checkpointing = true or sft.peft_rank"
    )
    return session.carry_out(trainer, out, lock, lack)


def _write(
    file: Path, config: Config, questions: Questions, held_out: Questions | None, found: Found
) -> None:
    """The manifest. Raises `RunChanged` where the folder was begun with other examples."""
    learnt = {"n": len(found.examples), "sha256": digest(found.examples), "left_out": found.left_out}
    if file.exists():
        before = json.loads(file.read_text("utf-8")).get("examples", {}).get("sha256")
        if before not in (None, learnt["sha256"]):
            raise RunChanged(
                f"{file.parent} was begun with other examples (the files that the config names have changed "
                "since); bring them back, or give another folder"
            )
    run_dir.write(file, run_dir.manifest(config, questions, held_out, {"examples": learnt}))
