"""One GRPO training in one folder: start or resume, train, audit, save the model.

`session` holds what every training goes through, `run_dir` the contents of its folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unswayed.benchmarks.registry import Questions
from unswayed.errors import BadInput
from unswayed.training import augmentation, run_dir, session
from unswayed.training.config.grpo import GrpoConfig


def train(
    config: GrpoConfig,
    out: str | Path,
    *,
    until: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int | None, str], None] | None = None,
    on_message: Callable[[str], None] = lambda line: None,
) -> bool:
    """Trains as `config` says in the folder `out`, or resumes there; True once the last step is done.

    `until`: save and stop after that step; `stop` is called after every step and does the same when True.
    `on_progress` gets (step, total, note) after every step, `on_message` a line for every audit. Raises
    `BadInput`, `RunChanged` for a folder of another config, `MissingExtra`, `Diverged` for a loss that is not
    finite, `Collapsed` where nothing is learned any more.
    """
    out = Path(out)
    monitor_options: dict[str, Any] = {"until": until, "stop": stop, "on_progress": on_progress}
    return session.run_unless_done(
        config, out, lambda: _train(config, out, monitor_options, on_message), vllm=config.grpo.vllm
    )


def _train(
    config: GrpoConfig, out: Path, monitor_options: dict[str, Any], on_message: Callable[[str], None]
) -> bool:
    from unswayed.training.collapse import CollapseDetector
    from unswayed.training.grpo.trainer import ConditionedGRPOTrainer
    from unswayed.training.grpo.trl_hooks import check_hooks
    from unswayed.training.guards import TrainingMonitor
    from unswayed.training.rewards.llm_judging import open_judge
    from unswayed.training.weights import ModelSource

    check_hooks()
    session.configure_libraries(config)
    questions, held_out, counts = load_data(config)
    source = ModelSource.find(session.model_path(config), config.model)
    model = source.load()
    observers = session.Observers.create(
        config, source, held_out, out, on_message, reader_needed=needs_blind_reader(config)
    )
    monitor = TrainingMonitor(
        out / "metrics.jsonl",
        detector=lambda: CollapseDetector(config.guard),
        patience=config.guard.patience,
        steps_per_batch=config.grpo.iterations,
        **monitor_options,
    )
    options: dict[str, Any] = {"callbacks": [*filter(None, [observers.audit_callback]), monitor]}
    if config.grpo.peft_rank:
        from peft import LoraConfig

        options["peft_config"] = LoraConfig(r=config.grpo.peft_rank, target_modules="all-linear")
    trainer = ConditionedGRPOTrainer(
        model,
        source.processor,
        questions.items,
        config,
        out / "checkpoints",
        reader=observers.reader,
        judge=open_judge(config.reward),
        on_message=on_message,
        **options,
    )
    observers.attach(config, trainer)
    lock = run_dir.claim(out, config)
    run_dir.write_json(
        out / "manifest.json", run_dir.manifest(config, questions, held_out, {"asked": counts})
    )
    memory_advice = (
        f"out of memory; lower grpo.micro_batch first (now {config.grpo.micro_batch or config.rows_per_step} "
        "rollouts at a time), then grpo.max_tokens, or set grpo.gradient_checkpointing = true"
    )
    return session.run_trainer(trainer, out, lock, memory_advice)


def needs_blind_reader(config: GrpoConfig) -> bool:
    """Whether rewards or floors need a frozen copy of the first weights."""
    return config.reward.needs_frozen_model or config.floors.needs_frozen_model


def load_data(config: GrpoConfig) -> tuple[Questions, Questions | None, dict[str, int]]:
    """Training questions, audit questions (None: no audits), and the number of the former under each
    condition.

    Raises `BadInput` where they do not fit the config. No image is read.
    """
    questions, held_out = session.training_questions(config), session.audit_questions(config)
    if len(questions) < config.grpo.prompts:
        raise BadInput(
            f"{questions.name} has {len(questions)} questions, and a step takes grpo.prompts = "
            f"{config.grpo.prompts}; lower that, or raise data.limit"
        )
    if held_out is not None:
        session.check_disjoint(config, questions, held_out)
    counts = augmentation.count_conditions(questions, config.seed, config.augment)
    augmentation.check_shares(counts, config.augment)
    return questions, held_out, counts
