"""Teach pebble: first to look and to read its own look, then everything that it should say.

Four skills must form together, for one that rests while the next is learnt is forgotten: seeing
(helped by an extra task: every visual token should read as its place, shape and colour in the words'
own space), marking, concluding, and finding the letter of a word (helped by drills). Heads that match
words from the start (see `anatomy`) make this a matter of minutes. Resumable, seeded; one thread is enough.
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

from unswayed.pebble import model as anatomy
from unswayed.pebble.data import Batch, batch
from unswayed.pebble.lesson_text import (
    AT_ONCE,
    LOOKS,
    SKILLS,
    SWAYED,
    Diet,
)
from unswayed.pebble.optim import Muon

WEIGHTS = (0.0, 0.2, 1.0, 3.0, 3.0, 3.0, 2.0, 1.0, 0.5)
"""Of a token's loss, by skill."""

FETCHED, KNOWN, NEAR = 2, 3, 4
"""Layers, counted from the embeddings, whose states must know something (see `School._inner`)."""


@dataclass(frozen=True)
class Stage:
    """Some steps with one mixture."""

    name: str
    steps: int
    text_only: float
    """Share of lessons without a picture."""
    drills: float
    """Share of letter drills."""
    muon: float
    """Learning rate of the matrices."""
    adam: float
    """Learning rate of everything else."""
    cells: float
    """Weight of the extra task: name every cell's place, shape and colour."""
    inner: float = 0.0
    """Weight of the extra tasks inside: fetch what the picture says of a word, know the answer's word."""
    near: float = 0.0
    """Weight of one more: know that word where a direct answer begins."""
    diet: Diet = field(default_factory=Diet)
    cools: bool = False
    """Both rates fall to a fiftieth, along half a cosine."""


@dataclass(frozen=True)
class Plan:
    """A whole training."""

    stages: tuple[Stage, ...] = (
        Stage("letters", 120, 0.0, 1.0, 0.02, 3e-3, 0.0),
        Stage("look", 450, 0.05, 0.25, 0.02, 3e-3, 1.0, 1.0, diet=LOOKS),
        Stage("all", 900, 0.0, 0.1, 0.015, 1.5e-3, 0.1, 0.5, cools=True),
        Stage("direct", 400, 0.0, 0.1, 0.01, 1e-3, 0.1, 1.0, 1.0, AT_ONCE),
        Stage("again", 250, 0.0, 0.1, 0.01, 1e-3, 0.1, 0.5, 0.5, cools=True),
        Stage("swayed", 220, 0.0, 0.1, 0.01, 1e-3, 0.1, 0.5, 0.5, SWAYED, cools=True),
    )
    width: int = 128
    layers: int = 5
    size: int = 64
    seed: int = 0

    @property
    def steps(self) -> int:
        return sum(s.steps for s in self.stages)

    def at(self, step: int) -> tuple[Stage, float]:
        """The stage of a step, and its learning-rate factor (after a short warm-up)."""
        first = 0
        for stage in self.stages:
            if step < first + stage.steps:
                inside = step - first
                factor = min(1.0, (inside + 1) / 50)
                if stage.cools:
                    factor *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * inside / stage.steps))
                return stage, factor
            first += stage.steps
        raise ValueError(f"step {step} is past the plan's {self.steps}")


class School:
    """A pebble in training, with everything that must survive an interruption."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.step = 0
        self.tokenizer = anatomy.make_tokenizer(seed=plan.seed)
        self.model = anatomy.make_model(self.tokenizer, width=plan.width, layers=plan.layers, seed=plan.seed)
        named = list(self.model.named_parameters())
        matrix = [p for n, p in named if p.ndim == 2 and ".layers." in n]
        rest = [p for n, p in named if not (p.ndim == 2 and ".layers." in n)]
        self.muon = Muon(matrix)
        self.adam = torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.0)

    def learn(self) -> dict[str, float]:
        """One step. Returns the loss, and for every skill practised its accuracy, token by token."""
        stage, factor = self.plan.at(self.step)
        for optimizer, lr in ((self.muon, stage.muon), (self.adam, stage.adam)):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor
        plan = self.plan
        lessons = batch(
            self.tokenizer, stage.diet, plan.seed, self.step, plan.size, stage.text_only, stage.drills
        )
        self.model.train()
        loss, record = self._loss(lessons, stage)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.muon.step()
        self.adam.step()
        self.muon.zero_grad(set_to_none=True)
        self.adam.zero_grad(set_to_none=True)
        self.step += 1
        return record

    def _loss(self, lessons: Batch, stage: Stage) -> tuple[torch.Tensor, dict[str, float]]:
        body = self.model.model
        embeds = body.get_input_embeddings()(lessons.ids)
        extra = torch.zeros(())
        if len(lessons.pixels):
            seen = body.get_image_features(lessons.pixels).pooler_output
            seen = torch.cat(list(seen)).view(-1, self.plan.width)
            slots = (lessons.ids == self.model.config.image_token_id).unsqueeze(-1)
            embeds = embeds.masked_scatter(slots, seen)
            if stage.cells:
                extra = self._naming(seen, lessons.words)
        told = body.language_model(
            inputs_embeds=embeds, attention_mask=lessons.mask, output_hidden_states=bool(stage.inner)
        )
        hidden = told.last_hidden_state
        skills = lessons.skills[:, 1:]
        wanted = skills > 0
        logits = self.model.lm_head(hidden[:, :-1][wanted])
        target, skill = lessons.ids[:, 1:][wanted], skills[wanted]
        weight = torch.tensor(WEIGHTS)[skill]
        losses = F.cross_entropy(logits, target, reduction="none")
        loss = (losses * weight).sum() / weight.sum()
        right = (logits.argmax(-1) == target).float()
        record = {"loss": loss.item(), "cells": extra.item()}
        if stage.inner and len(lessons.asked):
            deeper, within = self._inner(told.hidden_states, lessons, stage)
            loss = loss + deeper
            record |= within
        for k in range(1, len(SKILLS)):
            if (skill == k).any():
                record[SKILLS[k]] = right[skill == k].mean().item()
        return loss + stage.cells * extra, record

    def _inner(
        self, hidden: tuple[torch.Tensor, ...], lessons: Batch, stage: Stage
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """What a direct answer needs on its way up: what the picture has of a word that the user names,
        after `FETCHED` layers; the answer's own word where the question ends, after `KNOWN`; the same word
        where the direct answer begins, after `NEAR`.

        `hidden` are the decoder's layers, each (n, t, width), the embeddings first.
        """

        def read(layer: int, rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
            normed = self.model.model.language_model.norm(hidden[layer][rows, places])
            return F.log_softmax(self.model.lm_head(normed), dim=-1)

        named, share = lessons.named, lessons.share
        chances = read(FETCHED, named[:, 0], named[:, 1]).gather(1, named[:, 2:])[:, 0]
        fetch = -(chances * share).sum() / share.sum()
        first = len(lessons.ids) - len(lessons.asked)
        known = read(KNOWN, torch.arange(first, len(lessons.ids)), lessons.asked[:, 0])
        within = F.nll_loss(known, lessons.asked[:, 1])
        right = (known.argmax(-1) == lessons.asked[:, 1]).float().mean().item()
        record = {"fetch": fetch.item(), "inner": right}
        loss = stage.inner * (fetch + within)
        begun = lessons.begun
        if stage.near and len(begun):
            chosen = read(NEAR, begun[:, 0], begun[:, 1])
            loss = loss + stage.near * F.nll_loss(chosen, begun[:, 2])
            record["near"] = (chosen.argmax(-1) == begun[:, 2]).float().mean().item()
        return loss, record

    def _naming(self, seen: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Every visual token should read, in the words' own space, as its place, shape and colour.

        `seen` is (m*9, width), `words` (m, 9, 3) token ids. What is a sum of words to the decoder is
        found by the heads that already match words.
        """
        space = self.model.lm_head.weight.detach()
        chances = F.log_softmax(seen @ space.T, dim=-1)
        return -chances.gather(1, words.view(-1, words.size(-1))).mean()

    def state(self) -> dict[str, Any]:
        return {
            "plan": asdict(self.plan),
            "step": self.step,
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        for name in ("model", "muon", "adam"):
            getattr(self, name).load_state_dict(state[name])


def train(
    plan: Plan,
    folder: Path,
    *,
    save_every: int = 200,
    told: Callable[[int, int, dict[str, float]], None] | None = None,
    until: int | None = None,
) -> School:
    """Run a plan (up to step `until`), resuming from `folder/state.pt` if it is there.

    Writes `state.pt`, `metrics.jsonl` (means of every 20 steps), and the model under `pebble/`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    school = School(plan)
    saved = folder / "state.pt"
    if saved.exists():
        school.restore(torch.load(saved, weights_only=True))
    for means in _in_twenties(school, until or plan.steps):
        with (folder / "metrics.jsonl").open("a") as log:
            log.write(json.dumps(means) + "\n")
        if told:
            told(school.step, plan.steps, means)
        if school.step % save_every == 0 or school.step >= (until or plan.steps):
            _save(school, folder)
    return school


def _in_twenties(school: School, end: int) -> Iterator[dict[str, Any]]:
    sums: dict[str, list[float]] = {}
    began = time.perf_counter()
    while school.step < end:
        for name, value in school.learn().items():
            sums.setdefault(name, []).append(value)
        if school.step % 20 == 0 or school.step == end:
            stage, _ = school.plan.at(school.step - 1)
            means = {name: round(sum(v) / len(v), 4) for name, v in sums.items()}
            yield {
                "step": school.step,
                "stage": stage.name,
                **means,
                "seconds": round(time.perf_counter() - began, 2),
            }
            sums, began = {}, time.perf_counter()


def _save(school: School, folder: Path) -> None:
    new = folder / "state.pt.new"
    torch.save(school.state(), new)
    new.replace(folder / "state.pt")
    anatomy.save(school.model, anatomy.make_processor(school.tokenizer), folder / "pebble")
