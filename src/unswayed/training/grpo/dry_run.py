"""Describes what a training would do, before it is started: all that can be known without the weights.

Everything that a run checks before it loads a model is checked by the same functions. The folder is not
changed, nothing is downloaded, and no image is read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unswayed.benchmarks.registry import Questions
from unswayed.conditions import condition
from unswayed.pebble import BUNDLED
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.grpo.run import load_data, needs_blind_reader
from unswayed.training.run_dir import check_config, last_checkpoint
from unswayed.training.session import (
    frozen_copy_needed,
    missing_packages,
    model_path,
    require_train_extra,
)


def describe_training(config: GrpoConfig, out: str | Path) -> list[tuple[str, str]]:
    """(topic, description) lines for a run of `config` in `out`.

    Raises what `run.train` would raise before its first step, as far as that depends on config, data and
    folder. Missing packages are a line, not an error.
    """
    require_train_extra()
    out = Path(out)
    check_config(out, config)
    for name in config.audit.conditions if config.audit.every else ():
        condition(name)
    questions, held_out, counts = load_data(config)
    from unswayed.training.grpo.arguments import grpo_arguments
    from unswayed.training.grpo.trl_hooks import check_hooks

    check_hooks()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # between the libraries, not for the user
        grpo_arguments(replace(config, grpo=replace(config.grpo, vllm=False)), out / "checkpoints")
    return [
        ("arm", f"{config.arm}, seed {config.seed}"),
        ("folder", _folder(config, out)),
        ("model", _model(config)),
        ("memory", ", ".join(_copies(config))),
        ("questions", f"{len(questions)} of {questions.name}"),
        ("conditions", _shares(counts)),
        ("steps", _steps(config, questions)),
        ("reward", _reward(config)),
        ("audits", _audits(config, held_out)),
        ("guard", _guard(config)),
        *(("missing", package) for package in missing_packages(config, config.grpo.vllm)),
    ]


def _folder(config: GrpoConfig, out: Path) -> str:
    if (out / "model").exists():
        return f"{out}: done"
    last = last_checkpoint(out / "checkpoints")
    return f"{out}: resumes after step {last.name.rsplit('-', 1)[1]}" if last else f"{out}: new"


def _model(config: GrpoConfig) -> str:
    path = Path(model_path(config))
    if not path.is_dir():
        revision = f", revision {config.model.revision}" if config.model.revision else ""
        return f"{path}{revision}: from the Hub, not downloaded for this check"
    size = sum(file.stat().st_size for file in path.glob("*.safetensors"))
    name = config.model.path if config.model.path in BUNDLED else str(path)
    return f"{name}: {size / 2**20:,.0f} MiB of weights"


def _copies(config: GrpoConfig) -> Iterator[str]:
    """The copies of the model that are in memory at once."""
    rank = config.grpo.peft_rank
    yield f"the model with adapters of rank {rank}" if rank else "the model"
    if config.grpo.beta and not config.grpo.peft_rank:
        yield "the first weights for the KL term"
    reads, kept = frozen_copy_needed(config, needs_blind_reader(config))
    if kept:
        yield "the first weights for " + ("the blind reader" if reads else "the KL divergence in audits")
    if config.reward.care and config.reward.care_ema:
        yield "a moving average of the weights"
    if config.grpo.vllm:
        yield f"vLLM in {config.grpo.vllm_memory:.0%} of the GPU"


def _shares(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda each: (each[0] != "base", each[0]))
    return ", ".join(f"{name} {n} ({n / total:.0%})" for name, n in ordered)


def _steps(config: GrpoConfig, questions: Questions) -> str:
    g = config.grpo
    rollouts = g.prompts * g.num_generations
    passes = g.steps * g.prompts / g.iterations / len(questions)
    return (
        f"{g.steps} of {g.prompts} questions × {g.num_generations} rollouts of up to {g.max_tokens} tokens, "
        f"{g.micro_batch or rollouts} rollouts at a time; {passes:.2g} passes over the questions"
    )


def _reward(config: GrpoConfig) -> str:
    r = config.reward
    parts = [f"{r.combine}: format {r.format:g}, correct {r.correct:g}"]
    if r.uses_verdict:
        parts.append(f"consistency judged by {r.judge_model or r.judge}")
    weights = ("finish", "cross", "obey", "care", "causal")
    parts += [f"{name} {value:g}" for name in weights if (value := getattr(r, name))]
    parts += [name for name in ("expected", "segments") if getattr(r, name)]
    parts += [f"floor under {name} {floor:g}" for name, floor in config.floors.active.items()]
    return "; ".join(parts)


def _audits(config: GrpoConfig, held_out: Questions | None) -> str:
    if held_out is None:
        return "none"
    a = config.audit
    steps = {0, *range(0, config.grpo.steps + 1, a.every), config.grpo.steps}
    return (
        f"{len(steps)}, every {a.every} steps: {len(held_out)} questions of {held_out.name} × "
        f"{len(a.conditions)} conditions ({', '.join(a.conditions)})"
    )


def _guard(config: GrpoConfig) -> str:
    g = config.guard
    if not g.patience:
        return "off"
    signs = [
        text
        for text, value in (
            (f"reward below {g.reward:g} of its best", g.reward),
            (f"entropy below {g.entropy:g} with equal rewards in all groups", g.entropy),
            (f"length below {g.length:g} of its start", g.length),
        )
        if value
    ]
    return f"stops after {g.patience} steps of: {', '.join(signs)}" if signs else "off"
