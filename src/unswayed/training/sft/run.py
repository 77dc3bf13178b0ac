"""One supervised finetuning in one folder: begin or go on, learn, audit, keep the model.

The folder is that of any training (see `unswayed.training.run`), so that reports, audits and further training
work on it. Its manifest also says how many examples were learnt and what was left out; examples that are no
longer those of the first day are refused, for the config names only files.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unswayed.benchmarks.registry import Questions
from unswayed.errors import BadInput, MissingExtra, RunChanged
from unswayed.training import config as configs
from unswayed.training import run
from unswayed.training.settings import Config as Shared
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
    run.need_train()
    shared = common(config)
    if missing := run.lacking(shared):
        raise MissingExtra("; ".join(missing))
    out = Path(out)
    run.check(out, config)
    if (out / "model").exists():
        return True
    with warnings.catch_warnings():
        # What libraries call by names that they are about to drop is not the user's concern.
        warnings.filterwarnings("ignore", category=FutureWarning)
        return _finetune(config, shared, out, until, stop, progress, told)


def common(config: Config) -> Shared:
    """The tables that all training has, as the rooms above read them."""
    c = config
    return Shared(arm=c.arm, seed=c.seed, model=c.model, data=c.data, audit=c.audit, save=c.save)


def _finetune(
    config: Config,
    shared: Shared,
    out: Path,
    until: int | None,
    stop: Callable[[], bool],
    progress: Callable[[int, int | None, str], None] | None,
    told: Callable[[str], None],
) -> bool:
    import torch
    import transformers

    from unswayed.backends.local import TransformersBackend
    from unswayed.training.dynamics import Auditor
    from unswayed.training.reader import Reader
    from unswayed.training.sft.guards import Watch
    from unswayed.training.sft.sheet import Sheet
    from unswayed.training.sft.trainer import Trainer
    from unswayed.training.weights import Weights

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(config.model.threads)
    transformers.set_seed(config.seed)
    questions, held_out = run.training_questions(shared), run.audit_questions(shared)
    found = gather(config, questions)
    if held_out is not None:
        run.disjoint([each.question for each in found.examples], held_out)
    weights = Weights.find(run.model_path(shared), config.model)
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
    audited, a = held_out is not None, config.audit
    frozen = weights.frozen() if audited and (a.reader or (a.kl and not config.sft.peft_rank)) else None
    callbacks: list[Any] = []
    auditor = None
    if held_out is not None:
        reader = None
        if a.reader:
            reader = Reader(TransformersBackend.wrap(frozen, processor, name="reader"), seed=config.seed)
        auditor = Auditor(processor, held_out, shared, out, told, reader)
        callbacks.append(auditor)
    how: dict[str, Any] = {"until": until, "stop": stop, "progress": progress}
    callbacks.append(Watch(out / "metrics.jsonl", config.guard, **how))
    trainer = Trainer(model, sheet, kept, config, out / "checkpoints", callbacks=callbacks)
    trainer.remove_callback(transformers.PrinterCallback)
    if auditor is not None:
        auditor.publish = trainer.publish
        auditor.start = run.first_weights(shared, trainer, frozen)
    lock = run.claim(out, config)
    try:
        _write(out / "manifest.json", config, questions, held_out, found)
    except BaseException:
        lock.close()
        raise
    rows = config.sft.micro_batch or config.sft.batch
    lack = (
        f"out of memory; lower sft.micro_batch first (now {rows} examples at a time), then thoughts.longest, "
        "or set sft.gradient_checkpointing = true or sft.peft_rank"
    )
    return run.carry_out(trainer, out, lock, lack)


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
    run.write(
        file,
        {
            "arm": config.arm,
            "seed": config.seed,
            "python": sys.version.split()[0],
            "packages": run.packages(),
            "questions": run.about(questions),
            "examples": learnt,
            "audited": run.about(held_out),
        },
    )
