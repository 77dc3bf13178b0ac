"""Trains pebble: first to describe a scene and to read its own description, then all other lessons.

Four skills have to form together, because one that is not trained while the next is learned is forgotten:
recognising (helped by an extra loss: every visual token should decode to its place, shape and colour in the
word embedding space), marking, concluding, and finding the letter of a word (helped by drills). Attention
heads that match equal words from the start (see `pebble.model`) make this a matter of minutes. Resumable and
seeded; one thread is enough.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from unswayed.pebble import model as pebble_model
from unswayed.pebble.data import LessonBatch, lesson_batch
from unswayed.pebble.lesson_text import DIRECT_MIX, LOOK_MIX, SKILLS, SWAYED_MIX, LessonMix
from unswayed.pebble.optim import Muon

WEIGHTS = (0.0, 0.2, 1.0, 3.0, 3.0, 3.0, 2.0, 1.0, 0.5)
"""Weight of a token's loss, by skill."""

FETCH_LAYER, KNOW_LAYER, ANSWER_LAYER = 2, 3, 4
"""Layers, counted from the embeddings, whose states have losses of their own (see
`PebbleTrainer._inner_loss`)."""
_LOG_EVERY = 20
_WARMUP = 50


@dataclass(frozen=True)
class Stage:
    """A number of steps with one mix of lessons."""

    name: str
    steps: int
    text_only: float
    """Share of lessons without an image."""
    drills: float
    """Share of letter drills."""
    muon: float
    """Learning rate of the matrices."""
    adam: float
    """Learning rate of everything else."""
    cells: float
    """Weight of the loss on visual tokens: decode to every cell's place, shape and colour."""
    inner: float = 0.0
    """Weight of the losses on inner layers: the image's content for a named word, and the answer's word."""
    near: float = 0.0
    """Weight of one more inner loss: the answer's word at the position where a direct answer begins."""
    mix: LessonMix = field(default_factory=LessonMix)
    cools: bool = False
    """Whether both learning rates fall to a fiftieth, along half a cosine."""


@dataclass(frozen=True)
class Plan:
    """A whole training: its stages, and the size of model and batch."""

    stages: tuple[Stage, ...] = (
        Stage("letters", 120, 0.0, 1.0, 0.02, 3e-3, 0.0),
        Stage("look", 450, 0.05, 0.25, 0.02, 3e-3, 1.0, 1.0, mix=LOOK_MIX),
        Stage("all", 900, 0.0, 0.1, 0.015, 1.5e-3, 0.1, 0.5, cools=True),
        Stage("direct", 400, 0.0, 0.1, 0.01, 1e-3, 0.1, 1.0, 1.0, DIRECT_MIX),
        Stage("again", 250, 0.0, 0.1, 0.01, 1e-3, 0.1, 0.5, 0.5, cools=True),
        Stage("swayed", 220, 0.0, 0.1, 0.01, 1e-3, 0.1, 0.5, 0.5, SWAYED_MIX, cools=True),
        Stage("direct, again", 260, 0.0, 0.1, 0.01, 1e-3, 0.1, 1.0, 1.0, DIRECT_MIX),
        Stage("all, again", 150, 0.0, 0.1, 0.01, 1e-3, 0.1, 0.5, 0.5, cools=True),
        Stage("swayed, again", 110, 0.0, 0.1, 0.01, 1e-3, 0.1, 0.5, 0.5, SWAYED_MIX, cools=True),
    )
    width: int = 128
    layers: int = 5
    size: int = 64
    """Lessons in a batch."""
    seed: int = 0
    tokenizer_lessons: int = 6000
    """Lessons from which the tokenizer's vocabulary is made."""

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(s.steps for s in self.stages)

    def at(self, step: int) -> tuple[Stage, float]:
        """The stage of a step, and its learning-rate factor (with a warm-up)."""
        first = 0
        for stage in self.stages:
            if step < first + stage.steps:
                inside = step - first
                factor = min(1.0, (inside + 1) / _WARMUP)
                if stage.cools:
                    factor *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * inside / stage.steps))
                return stage, factor
            first += stage.steps
        raise ValueError(f"step {step} is beyond the plan's {self.steps}")


class PebbleTrainer:
    """A pebble in training, with everything that a resumed training needs."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.step = 0
        self.tokenizer = pebble_model.make_tokenizer(plan.tokenizer_lessons, plan.seed)
        self.model = pebble_model.make_model(
            self.tokenizer, width=plan.width, layers=plan.layers, seed=plan.seed
        )
        named = list(self.model.named_parameters())
        matrices = [p for n, p in named if p.ndim == 2 and ".layers." in n]
        others = [p for n, p in named if not (p.ndim == 2 and ".layers." in n)]
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)

    def train_step(self) -> dict[str, float]:
        """One step; the loss, and the token accuracy of every skill in the batch."""
        stage, factor = self.plan.at(self.step)
        for optimizer, lr in ((self.muon, stage.muon), (self.adam, stage.adam)):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor
        plan = self.plan
        lessons = lesson_batch(
            self.tokenizer, stage.mix, plan.seed, self.step, plan.size, stage.text_only, stage.drills
        )
        self.model.train()
        loss, metrics = self._loss(lessons, stage)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.muon.step()
        self.adam.step()
        self.muon.zero_grad(set_to_none=True)
        self.adam.zero_grad(set_to_none=True)
        self.step += 1
        return metrics

    def _loss(self, lessons: LessonBatch, stage: Stage) -> tuple[torch.Tensor, dict[str, float]]:
        body = self.model.model
        embeds = body.get_input_embeddings()(lessons.ids)
        cell_loss = torch.zeros(())
        if len(lessons.pixels):
            visual = body.get_image_features(lessons.pixels).pooler_output
            visual = torch.cat(list(visual)).view(-1, self.plan.width)
            slots = (lessons.ids == self.model.config.image_token_id).unsqueeze(-1)
            embeds = embeds.masked_scatter(slots, visual)
            if stage.cells:
                cell_loss = self._cell_loss(visual, lessons.words)
        output = body.language_model(
            inputs_embeds=embeds, attention_mask=lessons.mask, output_hidden_states=bool(stage.inner)
        )
        skills = lessons.skills[:, 1:]
        trained = skills > 0
        logits = self.model.lm_head(output.last_hidden_state[:, :-1][trained])
        target, skill = lessons.ids[:, 1:][trained], skills[trained]
        weight = torch.tensor(WEIGHTS)[skill]
        losses = F.cross_entropy(logits, target, reduction="none")
        loss = (losses * weight).sum() / weight.sum()
        correct = (logits.argmax(-1) == target).float()
        metrics = {"loss": loss.item(), "cells": cell_loss.item()}
        if stage.inner and len(lessons.question_ends):
            inner_loss, inner_metrics = self._inner_loss(output.hidden_states, lessons, stage)
            loss = loss + inner_loss
            metrics |= inner_metrics
        for k in range(1, len(SKILLS)):
            if (skill == k).any():
                metrics[SKILLS[k]] = correct[skill == k].mean().item()
        return loss + stage.cells * cell_loss, metrics

    def _inner_loss(
        self, hidden: tuple[torch.Tensor, ...], lessons: LessonBatch, stage: Stage
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Losses on the intermediate results of a direct answer: what the image has of a word that the user
        names, after `FETCH_LAYER`; the answer's word where the question ends, after `KNOW_LAYER`; the same
        word where the direct answer begins, after `ANSWER_LAYER`.

        `hidden`: states of the decoder's layers, each (n, t, width), the embeddings first.
        """

        def log_probs(layer: int, rows: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
            normed = self.model.model.language_model.norm(hidden[layer][rows, positions])
            return F.log_softmax(self.model.lm_head(normed), dim=-1)

        named, weights = lessons.named_words, lessons.named_weights
        fetched = log_probs(FETCH_LAYER, named[:, 0], named[:, 1]).gather(1, named[:, 2:])[:, 0]
        fetch_loss = -(fetched * weights).sum() / weights.sum()
        position, target = lessons.question_ends.T
        first = len(lessons.ids) - len(target)
        known = log_probs(KNOW_LAYER, torch.arange(first, len(lessons.ids)), position)
        known_loss = F.nll_loss(known, target)
        accuracy = (known.argmax(-1) == target).float().mean().item()
        metrics = {"fetch": fetch_loss.item(), "inner": accuracy}
        loss = stage.inner * (fetch_loss + known_loss)
        direct = lessons.direct_answers
        if stage.near and len(direct):
            near = log_probs(ANSWER_LAYER, direct[:, 0], direct[:, 1])
            loss = loss + stage.near * F.nll_loss(near, direct[:, 2])
            metrics["near"] = (near.argmax(-1) == direct[:, 2]).float().mean().item()
        return loss, metrics

    def _cell_loss(self, visual: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Every visual token should decode, through the output embedding, to its place, shape and colour.

        `visual` (m*9, width), `words` (m, 9, 3) token ids. A visual token that is a sum of word embeddings is
        found by the heads that match words.
        """
        embedding = self.model.lm_head.weight.detach()
        log_p = F.log_softmax(visual @ embedding.T, dim=-1)
        return -log_p.gather(1, words.view(-1, words.size(-1))).mean()

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs."""
        return {
            "plan": asdict(self.plan),
            "step": self.step,
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a `state`."""
        self.step = state["step"]
        for name in ("model", "muon", "adam"):
            getattr(self, name).load_state_dict(state[name])


def train(
    plan: Plan,
    folder: Path,
    *,
    save_every: int = 200,
    on_progress: Callable[[int, int, dict[str, float]], None] | None = None,
    until: int | None = None,
) -> PebbleTrainer:
    """Runs a plan (up to step `until`), resuming from `folder/state.pt` if it exists.

    Writes `state.pt`, `metrics.jsonl` (means over 20 steps), and the model under `pebble/`. `on_progress`
    gets (step, total, means).
    """
    folder.mkdir(parents=True, exist_ok=True)
    trainer = PebbleTrainer(plan)
    saved = folder / "state.pt"
    if saved.exists():
        trainer.restore(torch.load(saved, weights_only=True))
    for means in _mean_metrics(trainer, until or plan.steps):
        with (folder / "metrics.jsonl").open("a") as log:
            log.write(json.dumps(means) + "\n")
        if on_progress:
            on_progress(trainer.step, plan.steps, means)
        if trainer.step % save_every == 0 or trainer.step >= (until or plan.steps):
            _save(trainer, folder)
    return trainer


def _mean_metrics(trainer: PebbleTrainer, end: int) -> Iterator[dict[str, Any]]:
    values: dict[str, list[float]] = {}
    started = time.perf_counter()
    while trainer.step < end:
        for name, value in trainer.train_step().items():
            values.setdefault(name, []).append(value)
        if trainer.step % _LOG_EVERY == 0 or trainer.step == end:
            stage, _ = trainer.plan.at(trainer.step - 1)
            means = {name: round(sum(v) / len(v), 4) for name, v in values.items()}
            yield {
                "step": trainer.step,
                "stage": stage.name,
                **means,
                "seconds": round(time.perf_counter() - started, 2),
            }
            values, started = {}, time.perf_counter()


def _save(trainer: PebbleTrainer, folder: Path) -> None:
    new = folder / "state.pt.new"
    torch.save(trainer.state(), new)
    new.replace(folder / "state.pt")
    pebble_model.save(trainer.model, pebble_model.make_processor(trainer.tokenizer), folder / "pebble")
