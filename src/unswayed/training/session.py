"""What every training goes through: required packages, data, observers, the run itself.

Everything that can be refused is refused before weights are loaded. The first weights are kept in a second
copy only where audits or rewards need them. A training that fails stores the reason in its folder.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from unswayed.training.config.common import TrainingConfig
from unswayed.training.run_dir import check_config, last_checkpoint, save_model, write_failure

if TYPE_CHECKING:
    from unswayed.training.blind_reader import BlindReader
    from unswayed.training.evaluation import AuditCallback
    from unswayed.training.weights import ModelSource

_REQUIRED = ("torch", "transformers", "trl", "datasets", "peft", "msgspec")
_OPTIONAL = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "trackio": ("trackio",),
    "vllm": ("vllm",),
}
"""What a config may name, and the modules any of which provides it."""


def require_train_extra() -> None:
    """Raises `MissingExtra` unless everything that training needs can be imported."""
    missing = [name for name in _REQUIRED if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"training needs {', '.join(missing)}: pip install 'unswayed[train]' "
            "(install the torch build for your machine first)"
        )


def missing_packages(config: TrainingConfig, vllm: bool = False) -> list[str]:
    """Packages that `config` names and that are not installed, each with the remedy."""
    wanted = [(name, "save.report_to") for name in config.save.report_to]
    wanted += [("vllm", "grpo.vllm")] if vllm else []
    return [
        f"{setting} needs {name}: pip install {name}"
        for name, setting in wanted
        if name in _OPTIONAL and not any(find_spec(module) for module in _OPTIONAL[name])
    ]


def run_unless_done(
    config: TrainingConfig, out: Path, work: Callable[[], bool], *, vllm: bool = False
) -> bool:
    """Runs `work` unless the folder holds the model already; True once the last step is done.

    Raises `MissingExtra` for what is not installed, `RunChanged` for a folder of another config.
    """
    require_train_extra()
    if missing := missing_packages(config, vllm):
        raise MissingExtra("; ".join(missing))
    check_config(out, config)
    if (out / "model").exists():
        return True
    with warnings.catch_warnings():
        # Deprecations between the libraries are not the user's concern.
        warnings.filterwarnings("ignore", category=FutureWarning)
        return work()


def configure_libraries(config: TrainingConfig) -> None:
    """Sets threads and seed as configured, and turns the libraries' own output off."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(config.model.threads)
    transformers.set_seed(config.seed)


def frozen_copy_needed(config: TrainingConfig, reader_needed: bool = False) -> tuple[bool, bool]:
    """Whether the blind reader is needed (`reader_needed`: for rewards), and whether a second, frozen copy of
    the first weights is kept at all."""
    audited = bool(config.audit.every)
    reads = reader_needed or (audited and config.audit.reader)
    return reads, reads or (audited and config.audit.kl and not config.optimizer.peft_rank)


@dataclass(frozen=True)
class Observers:
    """What observes a model in training, and the copy of its first weights that this needs."""

    frozen: Any
    """Frozen copy of the first weights; None where it is not kept."""
    reader: BlindReader | None
    audit_callback: AuditCallback | None

    @classmethod
    def create(
        cls,
        config: TrainingConfig,
        source: ModelSource,
        held_out: Questions | None,
        out: Path,
        on_message: Callable[[str], None],
        *,
        reader_needed: bool = False,
    ) -> Observers:
        """`held_out`: the audit questions, if there are audits; `reader_needed`: for rewards."""
        from unswayed.backends.transformers.backend import TransformersBackend
        from unswayed.training.blind_reader import BlindReader
        from unswayed.training.evaluation import AuditCallback

        reads, kept = frozen_copy_needed(config, reader_needed)
        frozen = source.load_frozen() if kept else None
        reader = audit_callback = None
        if reads:
            backend = TransformersBackend.wrap(frozen, source.processor, name="reader")
            reader = BlindReader(backend, seed=config.seed)
        if held_out is not None:
            audit_reader = reader if config.audit.reader else None
            audit_callback = AuditCallback(source.processor, held_out, config, out, on_message, audit_reader)
        return cls(frozen, reader, audit_callback)

    def attach(self, config: TrainingConfig, trainer: Any) -> None:
        """Connects audits with the trainer: its trackers, and the first weights. Turns its own output off."""
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)
        if self.audit_callback is not None:
            self.audit_callback.publish = trainer.publish
            self.audit_callback.first_weights = _first_weights(config, trainer, self.frozen)


def _first_weights(config: TrainingConfig, trainer: Any, frozen: Any) -> Callable[[], Any] | None:
    """A context manager that gives the first weights, where KL to them is measured: the frozen copy, or the
    model with its adapters disabled."""
    if not config.audit.kl:
        return None
    if frozen is not None:
        return lambda: nullcontext(frozen)

    @contextmanager
    def without_adapters() -> Iterator[Any]:
        live = trainer.accelerator.unwrap_model(trainer.model)
        with live.disable_adapter():
            yield live

    return without_adapters


def run_trainer(trainer: Any, out: Path, lock: Lock, memory_advice: str) -> bool:
    """Trains from the last checkpoint on; True once the last step is done and the model is saved.

    `lock`: the folder's, released at the end; `memory_advice`: the error message where memory runs out.
    """
    last = last_checkpoint(out / "checkpoints")
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except Exception as error:
        from unswayed.backends.transformers.batching import is_out_of_memory

        if is_out_of_memory(error):
            advice = BadInput(memory_advice)
            write_failure(out, advice)
            raise advice from error
        write_failure(out, error)
        raise
    finally:
        lock.close()
    if trainer.state.global_step < trainer.state.max_steps:
        return False
    save_model(trainer, out)
    return True


def model_path(config: TrainingConfig) -> str:
    """Folder or Hub name of the weights that training starts from."""
    from unswayed import pebble

    name = config.model.path
    return str(pebble.weights(name)) if name in pebble.BUNDLED else name


def training_questions(config: TrainingConfig) -> Questions:
    """The questions of the table `data`."""
    d = config.data
    if d.mixture:
        return registry.load_mixture(
            d.mixture,
            split=_by_benchmark(d.mixture, d.splits, d.split),
            limit=d.limit or None,
            seed=d.seed,
            data=_by_benchmark(d.mixture, d.folders, d.folder),
        )
    return registry.load(
        d.benchmark, split=d.split or None, limit=d.limit or None, seed=d.seed, data=d.folder or None
    )


def audit_questions(config: TrainingConfig) -> Questions | None:
    """The questions of the audits; None where there are no audits."""
    a, d = config.audit, config.data
    if not a.every:
        return None
    mixture = _audit_mixture(config)
    folder = a.folder or d.folder
    if mixture:
        return registry.load_mixture(
            mixture,
            split=_by_benchmark(mixture, a.splits, a.split),
            limit=a.limit,
            seed=a.seed,
            data=_by_benchmark(mixture, d.folders | a.folders, folder),
        )
    return registry.load(
        a.benchmark or d.benchmark,
        split=a.split or None,
        limit=a.limit,
        seed=a.seed,
        data=folder or None,
    )


def _audit_mixture(config: TrainingConfig) -> dict[str, float]:
    return config.audit.mixture or ({} if config.audit.benchmark else config.data.mixture)


def _by_benchmark(mixture: Iterable[str], own: Mapping[str, str], default: str) -> dict[str, str]:
    """`own` values by benchmark, with `default` for the others; without empty ones."""
    return {name: value for name in mixture if (value := own.get(name, default))}


def check_disjoint(config: TrainingConfig, questions: Iterable[Question], held_out: Questions) -> None:
    """Raises `BadInput` where audits would use training questions, or a question of the same group."""
    trained = {_group(q, config.data.mixture) for q in questions}
    shared = sorted(q.uid for q in held_out if _group(q, _audit_mixture(config)) in trained)
    if shared:
        raise BadInput(
            f"{len(shared)} of {len(held_out)} audit questions are trained on, or share a group with a "
            f"training question (the first is {shared[0]!r}); give audit.split or audit.benchmark another "
            "value"
        )


def _group(question: Question, mixture: Mapping[str, float]) -> tuple[str, str]:
    """Benchmark and group, without the name that a mixture puts in front of the group."""
    return question.benchmark, question.group.partition("/")[2] if mixture else question.group
