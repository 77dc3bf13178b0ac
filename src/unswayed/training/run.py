"""One training by reinforcement in one folder: begin or go on, train, audit, keep the model.

What every training goes through is `course`, what lies in its folder `folder`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unswayed.benchmarks.registry import Questions
from unswayed.errors import BadInput
from unswayed.training import augmentation, run_dir, session
from unswayed.training.config.grpo import Config


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
    how: dict[str, Any] = {"until": until, "stop": stop, "progress": progress}
    return session.enter(
        config, Path(out), lambda: _train(config, Path(out), how, told), vllm=config.grpo.vllm
    )


def _train(config: Config, out: Path, how: dict[str, Any], told: Callable[[str], None]) -> bool:
    from unswayed.training.grpo.trainer import Trainer
    from unswayed.training.guards import Watch
    from unswayed.training.rewards.evidence import open_judge
    from unswayed.training.weights import Weights

    session.quiet(config)
    questions, held_out, counts = data(config)
    weights = Weights.find(session.model_path(config), config.model)
    model = weights.load()
    seen = session.Onlookers.of(config, weights, held_out, out, told, rewards_read(config))
    watch = Watch(out / "metrics.jsonl", **how, guard=config.guard, uses=config.grpo.iterations)
    more: dict[str, Any] = {"reader": seen.reader, "told": told, "judge": open_judge(config.reward)}
    more["callbacks"] = [*filter(None, [seen.auditor]), watch]
    if config.grpo.peft_rank:
        from peft import LoraConfig

        more["peft_config"] = LoraConfig(r=config.grpo.peft_rank, target_modules="all-linear")
    trainer = Trainer(model, weights.processor, questions.items, config, out / "checkpoints", **more)
    seen.attach(config, trainer)
    lock = run_dir.claim(out, config)
    run_dir.write(out / "manifest.json", run_dir.manifest(config, questions, held_out, {"asked": counts}))
    lack = (
        f"out of memory; lower grpo.micro_batch first (now {config.grpo.micro_batch or config.rows} rollouts "
        "at a time), then grpo.max_tokens, or set grpo.gradient_checkpointing = true"
    )
    return session.carry_out(trainer, out, lock, lack)


def rewards_read(config: Config) -> bool:
    """Whether rewards or floors need the blind reader."""
    return config.reward.needs_frozen or config.floors.needs_frozen


def data(config: Config) -> tuple[Questions, Questions | None, dict[str, int]]:
    """What is trained on, what is asked in audits (None: there are none), and how many of the former fall to
    each condition. Raises `BadInput` where they cannot serve. No picture is read for it."""
    questions, held_out = session.training_questions(config), session.audit_questions(config)
    if len(questions) < config.grpo.prompts:
        raise BadInput(
            f"{questions.name} gives {len(questions)} questions, and a step takes grpo.prompts = "
            f"{config.grpo.prompts}; lower that, or raise data.limit"
        )
    if held_out is not None:
        session.disjoint(questions, held_out)
    counts = augmentation.counted(questions, config.seed, config.augment)
    augmentation.verify(counts, config.augment)
    return questions, held_out, counts
