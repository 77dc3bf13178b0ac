"""What a training would do, in lines to read before it is begun: all that can be known without the weights.

Decided here: everything that a run checks before it loads a model is checked, by the same functions; the
folder is left as it is, nothing is fetched, and no picture is read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unswayed.benchmarks.registry import Questions
from unswayed.conditions import condition
from unswayed.training.config.grpo import Config
from unswayed.training.run import data, rewards_read
from unswayed.training.run_dir import check, last_checkpoint
from unswayed.training.session import (
    frozen_copy,
    lacking,
    model_path,
    need_train,
)


def plan(config: Config, out: str | Path) -> list[tuple[str, str]]:
    """(what, how) for a run of `config` in `out`. Raises what `run.train` would raise before its first step,
    as far as that hangs on the config, the data and the folder. What is not installed is told, as a line."""
    need_train()
    out = Path(out)
    check(out, config)
    for name in config.audit.conditions if config.audit.every else ():
        condition(name)
    questions, held_out, counts = data(config)
    from unswayed.training.grpo.arguments import arguments

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # no concern of the user's
        arguments(replace(config, grpo=replace(config.grpo, vllm=False)), out / "checkpoints")
    return [
        ("arm", f"{config.arm}, seed {config.seed}"),
        ("folder", _folder(config, out)),
        ("model", _model(config)),
        ("in memory", ", ".join(_copies(config))),
        ("questions", f"{len(questions)} of {questions.name}"),
        ("asked", _shares(counts)),
        ("steps", _steps(config, questions)),
        ("paid", _paid(config)),
        ("audits", _audits(config, held_out)),
        ("guard", _guard(config)),
        *(("lacking", what) for what in lacking(config, config.grpo.vllm)),
    ]


def _folder(config: Config, out: Path) -> str:
    if (out / "model").exists():
        return f"{out}: done"
    last = last_checkpoint(out / "checkpoints")
    return f"{out}: goes on behind step {last.name.rsplit('-', 1)[1]}" if last else f"{out}: begins"


def _model(config: Config) -> str:
    path = Path(model_path(config))
    if not path.is_dir():
        return f"{path}: from the Hub, not looked at" + (f", {r}" if (r := config.model.revision) else "")
    size = sum(file.stat().st_size for file in path.glob("*.safetensors"))
    name = config.model.path if config.model.path == "pebble" else str(path)
    return f"{name}: {size / 2**20:,.0f} MiB of weights"


def _copies(config: Config) -> Iterator[str]:
    """What stands in memory beside one another, in copies of the model."""
    rank = config.grpo.peft_rank
    yield f"the model with adapters of rank {rank}" if rank else "the model"
    if config.grpo.beta and not config.grpo.peft_rank:
        yield "the first weights for the KL term"
    reads, kept = frozen_copy(config, rewards_read(config))
    if kept:
        yield "the first weights " + ("to read thoughts blind" if reads else "to measure KL in audits")
    if config.reward.care and config.reward.care_ema:
        yield "a running mean of the weights"
    if config.grpo.vllm:
        yield f"vLLM in {config.grpo.vllm_memory:.0%} of the GPU"


def _shares(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    said = sorted(counts.items(), key=lambda each: (each[0] != "base", each[0]))
    return ", ".join(f"{name} {n} ({n / total:.0%})" for name, n in said)


def _steps(config: Config, questions: Questions) -> str:
    g = config.grpo
    rollouts = g.prompts * g.num_generations
    passes = g.steps * g.prompts / g.iterations / len(questions)
    return (
        f"{g.steps} of {g.prompts} questions × {g.num_generations} rollouts of up to {g.max_tokens} tokens, "
        f"{g.micro_batch or rollouts} rollouts at a time; {passes:.2g} passes over the questions"
    )


def _paid(config: Config) -> str:
    r = config.reward
    said = [f"{r.combine}: format {r.format:g}, correct {r.correct:g}"]
    if r.judged:
        said.append(f"consistency judged by {r.judge_model or r.judge}")
    more = ("finish", "cross", "obey", "care", "causal")
    said += [f"{name} {value:g}" for name in more if (value := getattr(r, name))]
    said += [name for name in ("expected", "segments") if getattr(r, name)]
    said += [f"floor under {name} {floor:g}" for name, floor in config.floors.wanted.items()]
    return "; ".join(said)


def _audits(config: Config, held_out: Questions | None) -> str:
    if held_out is None:
        return "none"
    a = config.audit
    steps = {0, *range(0, config.grpo.steps + 1, a.every), config.grpo.steps}
    return (
        f"{len(steps)}, every {a.every} steps: {len(held_out)} questions of {held_out.name} × "
        f"{len(a.conditions)} conditions ({', '.join(a.conditions)})"
    )


def _guard(config: Config) -> str:
    g = config.guard
    if not g.patience:
        return "off"
    said = [
        text
        for text, value in (
            (f"reward below {g.reward:g} of its best", g.reward),
            (f"entropy below {g.entropy:g} with nothing to learn from", g.entropy),
            (f"length below {g.length:g} of its start", g.length),
        )
        if value
    ]
    return f"stops after {g.patience} steps of: {', '.join(said)}" if said else "off"
