"""One training run in one folder: begin or go on, train, audit, keep the model.

::

    OUT/config.json        every setting; a folder begun with others is refused
    OUT/manifest.json      versions, data, what fell to which condition
    OUT/metrics.jsonl      a line a step: TRL's metrics, and the reward's parts by condition
    OUT/dynamics.jsonl     a line a number: every measure of every audit (also dynamics.parquet)
    OUT/audits/step-…      each audit's run folder, with every answer
    OUT/checkpoints/       to go on from
    OUT/model/             the model after the last step
    OUT/failed.txt         why it came to nothing, if it did
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from unswayed.benchmarks import registry
from unswayed.benchmarks.registry import Questions
from unswayed.errors import BadInput, MissingExtra, RunChanged, UnswayedError
from unswayed.question import Question
from unswayed.store.files import Lock, write_whole
from unswayed.store.files import told as told_plainly
from unswayed.training import augmentation
from unswayed.training import config as configs
from unswayed.training.records import FAILED
from unswayed.training.settings import Config

_PACKAGES = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "trackio": ("trackio",),
    "vllm": ("vllm",),
}
"""What a config may name, and the packages any of which brings it."""


def need_train() -> None:
    """Raise `MissingExtra` unless everything that training needs can be imported."""
    missing = [
        name for name in ("torch", "transformers", "trl", "datasets", "peft") if find_spec(name) is None
    ]
    if missing:
        raise MissingExtra(
            f"training needs {', '.join(missing)}: pip install 'unswayed[train]' "
            "(install the torch build for your machine first)"
        )


def lacking(config: Config) -> list[str]:
    """What `config` names and is not installed, each with the remedy."""
    wanted = [(name, "save.report_to") for name in config.save.report_to]
    wanted += [("vllm", "grpo.vllm")] if config.grpo.vllm else []
    return [
        f"{setting} needs {name}: pip install {name}"
        for name, setting in wanted
        if name in _PACKAGES and not any(find_spec(each) for each in _PACKAGES[name])
    ]


def train(
    config: Config,
    out: str | Path,
    *,
    until: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int | None, str], None] | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> bool:
    """Train as `config` says in the folder `out`, or go on there; True once the last step is done.

    `until` saves and stops after that step; `stop` is asked after every step and does the same.
    `progress` is told (step, of how many, note), `told` a line for every audit. Raises `BadInput`,
    `RunChanged` for a folder of another config, `MissingExtra`, `Diverged` where the loss is no number,
    `Collapsed` where nothing is learnt any more.
    """
    need_train()
    if missing := lacking(config):
        raise MissingExtra("; ".join(missing))
    out = Path(out)
    check(out, config)
    if (out / "model").exists():
        return True
    with warnings.catch_warnings():
        # What TRL calls by names that transformers is about to drop is not the user's concern.
        warnings.filterwarnings("ignore", category=FutureWarning)
        return _train(config, out, until, stop, progress, told)


def _train(
    config: Config,
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
    from unswayed.training.grpo import Trainer
    from unswayed.training.guards import Watch
    from unswayed.training.reader import Reader
    from unswayed.training.weights import Weights
    from unswayed.training.witnesses import open_judge

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(config.model.threads)
    transformers.set_seed(config.seed)
    questions, held_out, counts = data(config)
    weights = Weights.find(model_path(config), config.model)
    model, processor = weights.load(), weights.processor
    frozen, reader, auditor = None, None, None
    frozen_reads, frozen_kept = frozen_copy(config)
    if frozen_kept:
        frozen = weights.frozen()
    if frozen_reads:
        reader = Reader(TransformersBackend.wrap(frozen, processor, name="reader"), seed=config.seed)
    callbacks: list[Any] = []
    if held_out is not None:
        auditor = Auditor(processor, held_out, config, out, told, reader if config.audit.reader else None)
        callbacks.append(auditor)
    how: dict[str, Any] = {"until": until, "stop": stop, "progress": progress}
    watch = Watch(out / "metrics.jsonl", **how, guard=config.guard, uses=config.grpo.iterations)
    callbacks.append(watch)
    more: dict[str, Any] = {"callbacks": callbacks, "reader": reader, "told": told}
    more["judge"] = open_judge(config.reward)
    if config.grpo.peft_rank:
        from peft import LoraConfig

        more["peft_config"] = LoraConfig(r=config.grpo.peft_rank, target_modules="all-linear")
    trainer = Trainer(model, processor, questions.items, config, out / "checkpoints", **more)
    trainer.remove_callback(transformers.PrinterCallback)
    if auditor is not None:
        auditor.publish = trainer.publish
        auditor.start = first_weights(config, trainer, frozen)
    lock = claim(out, config)
    write(out / "manifest.json", _manifest(config, questions, held_out, counts))
    rows = config.grpo.micro_batch or config.grpo.prompts * config.grpo.num_generations
    lack = (
        f"out of memory; lower grpo.micro_batch first (now {rows} rollouts at a time), then "
        "grpo.max_tokens, or set grpo.gradient_checkpointing = true"
    )
    return carry_out(trainer, out, lock, lack)


def carry_out(trainer: Any, out: Path, lock: Lock, lack: str) -> bool:
    """Train from the last checkpoint on; True once the last step is done and the model is kept.

    `lock`: the folder's, let go of at the end; `lack`: what to say where the memory is too small.
    """
    last = last_checkpoint(out / "checkpoints")
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except Exception as problem:
        from unswayed.backends.batches import is_out_of_memory

        if is_out_of_memory(problem):
            told = BadInput(lack)
            came_to_nothing(out, told)
            raise told from problem
        came_to_nothing(out, problem)
        raise
    finally:
        lock.close()
    if trainer.state.global_step < trainer.state.max_steps:
        return False
    half = out / ".model"
    shutil.rmtree(half, ignore_errors=True)
    if hasattr(trainer.model, "merge_and_unload"):
        trainer.model.merge_and_unload().save_pretrained(half)
    else:
        trainer.save_model(str(half))
    trainer.processing_class.save_pretrained(half)
    half.replace(out / "model")
    return True


def came_to_nothing(out: Path, problem: Exception) -> None:
    """Leave word in the folder of why a training ended without a model."""
    said = str(problem) if isinstance(problem, UnswayedError) else f"{type(problem).__name__}: {problem}"
    write_whole(out / FAILED, (said + "\n").encode())


def data(config: Config) -> tuple[Questions, Questions | None, dict[str, int]]:
    """What is trained on, what is asked in audits (None: there are none), and how many of the former fall to
    each condition. Raises `BadInput` where they cannot serve. No picture is read for it."""
    questions, held_out = training_questions(config), audit_questions(config)
    if len(questions) < config.grpo.prompts:
        raise BadInput(
            f"{questions.name} gives {len(questions)} questions, and a step takes grpo.prompts = "
            f"{config.grpo.prompts}; lower that, or raise data.limit"
        )
    if held_out is not None:
        disjoint(questions, held_out)
    counts = augmentation.counted(questions, config.seed, config.augment)
    augmentation.verify(counts, config.augment)
    return questions, held_out, counts


def frozen_copy(config: Config) -> tuple[bool, bool]:
    """Whether the first weights read thoughts blind, and whether a second copy of them is kept at all."""
    audited = bool(config.audit.every)
    reads = config.reward.needs_frozen or config.floors.needs_frozen or (audited and config.audit.reader)
    return reads, reads or (audited and config.audit.kl and not config.grpo.peft_rank)


def first_weights(config: Config, trainer: Any, frozen: Any) -> Callable[[], Any] | None:
    """What gives the first weights, where KL to them is wanted: the frozen copy, or adapters switched off."""
    if not config.audit.kl:
        return None
    if frozen is not None:
        return lambda: nullcontext(frozen)

    @contextmanager
    def without() -> Iterator[Any]:
        live = trainer.accelerator.unwrap_model(trainer.model)
        with live.disable_adapter():
            yield live

    return without


def model_path(config: Config) -> str:
    """Folder or Hub name of the weights that training begins with."""
    if config.model.path != "pebble":
        return config.model.path
    from unswayed import pebble

    return str(pebble.weights())


def training_questions(config: Config) -> Questions:
    """What is trained on."""
    d = config.data
    folder = Path(d.folder) if d.folder else None
    return registry.load(d.benchmark, split=d.split or None, limit=d.limit or None, seed=d.seed, data=folder)


def audit_questions(config: Config) -> Questions | None:
    """What is asked in the audits; None where there are none."""
    a, d = config.audit, config.data
    if not a.every:
        return None
    folder = a.folder or d.folder
    return registry.load(
        a.benchmark or d.benchmark,
        split=a.split or None,
        limit=a.limit,
        seed=a.seed,
        data=Path(folder) if folder else None,
    )


def disjoint(questions: Iterable[Question], held_out: Questions) -> None:
    """Raise `BadInput` where audits would ask what is trained on, or a question of its group."""
    trained = {(q.benchmark, q.group) for q in questions}
    both = sorted(q.uid for q in held_out if (q.benchmark, q.group) in trained)
    if both:
        raise BadInput(
            f"{len(both)} of {len(held_out)} audit questions are trained on, or share a group with one that "
            f"is (the first is {both[0]!r}); give audit.split or audit.benchmark another value"
        )


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


def check(out: Path, config: Any) -> None:
    """Raise `RunChanged` where the folder was begun with other settings; the guard's may change.

    `config`: of any training.
    """
    file = out / "config.json"
    if not file.exists():
        return
    changed = configs.changed(json.loads(file.read_text("utf-8")), configs.as_dict(config))
    if changed:
        raise RunChanged(f"{out} was begun with other settings ({'; '.join(changed)}); give another folder")


def claim(out: Path, config: Any) -> Lock:
    """Make the folder this config's and this process's own, once it is known that it can be run."""
    with told_plainly(out):
        out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out)
    check(out, config)
    write(out / "config.json", configs.as_dict(config))
    (out / FAILED).unlink(missing_ok=True)
    return lock


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


def _manifest(
    config: Config, questions: Questions, held_out: Questions | None, counts: dict[str, int]
) -> dict[str, Any]:
    return {
        "arm": config.arm,
        "seed": config.seed,
        "python": sys.version.split()[0],
        "packages": packages(),
        "questions": about(questions),
        "asked": counts,
        "audited": about(held_out),
    }


def write(file: Path, value: dict[str, Any]) -> None:
    """JSON for people, whole or not at all."""
    write_whole(file, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())
