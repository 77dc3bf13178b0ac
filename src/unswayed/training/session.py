"""The course of a training, whatever it learns by: what is needed, who is asked, how it is carried out.

Decided here: everything that can be refused is refused before weights are loaded; the first weights are kept
in a second copy only where audits or rewards need them; a training that fails leaves word of why.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unswayed.benchmarks import registry
from unswayed.benchmarks.registry import Questions
from unswayed.errors import BadInput, MissingExtra
from unswayed.question import Question
from unswayed.store.atomic_files import Lock
from unswayed.training.config.common import Training
from unswayed.training.run_dir import (
    came_to_nothing,
    check,
    keep,
    last_checkpoint,
)

if TYPE_CHECKING:
    from unswayed.training.weights import Weights

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


def lacking(config: Training, vllm: bool = False) -> list[str]:
    """What `config` names and is not installed, each with the remedy."""
    wanted = [(name, "save.report_to") for name in config.save.report_to]
    wanted += [("vllm", "grpo.vllm")] if vllm else []
    return [
        f"{setting} needs {name}: pip install {name}"
        for name, setting in wanted
        if name in _PACKAGES and not any(find_spec(each) for each in _PACKAGES[name])
    ]


def enter(config: Training, out: Path, work: Callable[[], bool], *, vllm: bool = False) -> bool:
    """Do `work` unless the folder holds the model already; True once the last step is done.

    Raises `MissingExtra` for what is not installed, `RunChanged` for a folder of another config.
    """
    need_train()
    if missing := lacking(config, vllm):
        raise MissingExtra("; ".join(missing))
    check(out, config)
    if (out / "model").exists():
        return True
    with warnings.catch_warnings():
        # What libraries call by names that they are about to drop is not the user's concern.
        warnings.filterwarnings("ignore", category=FutureWarning)
        return work()


def quiet(config: Training) -> None:
    """Threads and seed as configured; the libraries' own talk off."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(config.model.threads)
    transformers.set_seed(config.seed)


def frozen_copy(config: Training, rewards: bool = False) -> tuple[bool, bool]:
    """Whether the first weights read thoughts blind (`rewards`: for these, too), and whether a second copy of
    them is kept at all."""
    audited = bool(config.audit.every)
    reads = rewards or (audited and config.audit.reader)
    return reads, reads or (audited and config.audit.kl and not config.pace.peft_rank)


@dataclass(frozen=True)
class Onlookers:
    """Who watches a model in training, and the copy of its first weights that they need."""

    frozen: Any
    """None where it is not kept."""
    reader: Any
    """Reads thoughts blind, or None."""
    auditor: Any
    """Audits on the way, or None."""

    @classmethod
    def of(
        cls,
        config: Training,
        weights: Weights,
        held_out: Questions | None,
        out: Path,
        told: Callable[[str], None],
        rewards: bool = False,
    ) -> Onlookers:
        """`rewards`: whether they read blind, too."""
        from unswayed.backends.transformers.backend import TransformersBackend
        from unswayed.training.blind_reader import Reader
        from unswayed.training.evaluation import Auditor

        reads, kept = frozen_copy(config, rewards)
        frozen, reader, auditor = weights.frozen() if kept else None, None, None
        if reads:
            wrapped = TransformersBackend.wrap(frozen, weights.processor, name="reader")
            reader = Reader(wrapped, seed=config.seed)
        if held_out is not None:
            shown = reader if config.audit.reader else None
            auditor = Auditor(weights.processor, held_out, config, out, told, shown)
        return cls(frozen, reader, auditor)

    def attach(self, config: Training, trainer: Any) -> None:
        """Let audits know the trainer: its trackers, and the first weights. Its own talk is off."""
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)
        if self.auditor is not None:
            self.auditor.publish = trainer.publish
            self.auditor.start = _first_weights(config, trainer, self.frozen)


def _first_weights(config: Training, trainer: Any, frozen: Any) -> Callable[[], Any] | None:
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


def carry_out(trainer: Any, out: Path, lock: Lock, lack: str) -> bool:
    """Train from the last checkpoint on; True once the last step is done and the model is kept.

    `lock`: the folder's, let go of at the end; `lack`: what to say where the memory is too small.
    """
    last = last_checkpoint(out / "checkpoints")
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except Exception as problem:
        from unswayed.backends.transformers.batching import is_out_of_memory

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
    keep(trainer, out)
    return True


def model_path(config: Training) -> str:
    """Folder or Hub name of the weights that training begins with."""
    if config.model.path != "pebble":
        return config.model.path
    from unswayed import pebble

    return str(pebble.weights())


def training_questions(config: Training) -> Questions:
    """What is trained on."""
    d = config.data
    folder = Path(d.folder) if d.folder else None
    return registry.load(d.benchmark, split=d.split or None, limit=d.limit or None, seed=d.seed, data=folder)


def audit_questions(config: Training) -> Questions | None:
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
