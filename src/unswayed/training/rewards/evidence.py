"""Collects what other models say about rollouts before they are rewarded: readers, the model itself, a judge.

Only what the reward depends on is requested, and equal thoughts are evaluated once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from unswayed.answers.letter_probs import letter_prefill
from unswayed.backends.base import Backend
from unswayed.judges.base import Case, Verdict
from unswayed.training.augmentation import TrainingPrompt
from unswayed.training.blind_reader import BlindReader, ReaderInput, normalise, score_letters
from unswayed.training.config.floors import FloorSettings
from unswayed.training.config.reward import RewardSettings
from unswayed.training.rewards.llm_judging import PatientJudge
from unswayed.training.rewards.score import Evidence
from unswayed.training.rewards.turn_format import closed_thought

T = TypeVar("T")


@dataclass(frozen=True)
class Rollout:
    """One assistant turn, as the audit would read it."""

    row: TrainingPrompt
    turn_start: str
    """How the turn began before the rollout: the prefill, or what the template wrote."""
    text: str
    finish: str

    @cached_property
    def thought(self) -> str | None:
        """The closed thought, or None."""
        return closed_thought(self.turn_start + self.text, self.row.prompt.format)


@dataclass
class EvidenceCollector:
    """The models that evaluate rollouts; those that the reward does not need may be None."""

    reward: RewardSettings
    floors: FloorSettings = FloorSettings()  # noqa: RUF009 - frozen
    live: Backend | None = None
    """The model in training."""
    frozen: BlindReader | None = None
    """Blind reader with the first weights."""
    reference: Backend | None = None
    """Gives the likelihood of an answer after its thought (GRPO-CARE)."""
    judge: PatientJudge | None = None

    @property
    def needed(self) -> bool:
        """Whether any model has to be run."""
        r = self.reward
        return (
            r.needs_live_model
            or r.needs_frozen_model
            or r.care > 0
            or (r.judge == "llm" and r.uses_verdict)
            or self.floors.needs_frozen_model
        )

    async def collect(self, rollouts: Sequence[Rollout]) -> list[Evidence]:
        """Evidence for each rollout, in order. Raises `BackendError` where a model cannot be run."""
        reward, evidence = self.reward, [Evidence() for _ in rollouts]
        if reward.judge == "reader":
            for i, p in await _read_closed(_required(self.frozen), rollouts, rotate=False):
                evidence[i] = replace(evidence[i], verdict=Verdict("option", p.index(max(p))))
        if reward.judge == "llm" and reward.uses_verdict:
            evidence = await self._judge_by_llm(rollouts, evidence)
        if reward.uses_blind_finish:
            finisher = self.frozen if reward.finisher == "frozen" else BlindReader(_required(self.live))
            for i, p in await _read_closed(_required(finisher), rollouts, rotate=True):
                evidence[i] = replace(evidence[i], finish_p=p)
        if reward.segments or self.floors.agree > 0:
            for i, p in await _read_closed(_required(self.frozen), rollouts, rotate=True):
                evidence[i] = replace(evidence[i], reader_p=p)
        if (reward.segments and reward.gain) or self.floors.gain > 0:
            closed = [i for i, r in enumerate(rollouts) if r.thought is not None]
            gains = await _required(self.frozen).gains(
                [_reader_input(rollouts[i]) for i in closed], rotate=True
            )
            for i, gain in zip(closed, gains, strict=True):
                evidence[i] = replace(evidence[i], masked_gain=gain)
        if reward.expected or reward.causal:
            for i, probs in enumerate(await _answer_probs(_required(self.live), rollouts, with_thought=True)):
                evidence[i] = replace(evidence[i], p_with_thought=probs)
        if reward.causal:
            for i, probs in enumerate(
                await _answer_probs(_required(self.live), rollouts, with_thought=False)
            ):
                evidence[i] = replace(evidence[i], p_without_thought=probs)
        if reward.care:
            reference = _required(self.reference)
            for i, probs in enumerate(await _answer_probs(reference, rollouts, with_thought=True)):
                evidence[i] = replace(evidence[i], reference_p=probs)
        return evidence

    async def _judge_by_llm(self, rollouts: Sequence[Rollout], evidence: list[Evidence]) -> list[Evidence]:
        cases: dict[tuple[str, str, tuple[str, ...], str], Case] = {}
        keys = []
        for r in rollouts:
            q, options = r.row.question, r.row.prompt.options
            key = None if r.thought is None else (q.benchmark, q.uid, options, r.thought)
            keys.append(key)
            if key is not None:
                cases[key] = Case(q, options, key[3])
        verdicts = dict(zip(cases, await _required(self.judge).verdicts(list(cases.values())), strict=True))
        out = []
        for each, key in zip(evidence, keys, strict=True):
            verdict = None if key is None else verdicts[key]
            out.append(replace(each, verdict=verdict, judge_missing=key is not None and verdict is None))
        return out


async def _read_closed(
    reader: BlindReader, rollouts: Sequence[Rollout], *, rotate: bool
) -> list[tuple[int, tuple[float, ...]]]:
    """(rollout's index, P(option)) for every rollout with a closed thought."""
    closed = [i for i, r in enumerate(rollouts) if r.thought is not None]
    outputs = await reader.read([_reader_input(rollouts[i]) for i in closed], rotate=rotate)
    return [(i, output.p) for i, output in zip(closed, outputs, strict=True)]


async def _answer_probs(
    backend: Backend, rollouts: Sequence[Rollout], *, with_thought: bool
) -> list[tuple[float, ...] | None]:
    """P(option) given all that the rollout saw, at the position of its answer or after an empty thought."""
    prompts = [
        replace(
            r.row.prompt,
            prefill=letter_prefill(r.turn_start, r.text, r.row.prompt.format)
            if with_thought
            else r.row.prompt.format.up_to_letter(""),
        )
        for r in rollouts
    ]
    scores = await score_letters(backend, prompts)
    return [None if s is None or not s.p else normalise(s) for s in scores]


def _reader_input(rollout: Rollout) -> ReaderInput:
    prompt = rollout.row.prompt
    return ReaderInput(rollout.row.question, prompt.options, _required(rollout.thought), prompt.format)


def _required(value: T | None) -> T:
    assert value is not None
    return value
