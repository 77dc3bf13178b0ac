"""The arms: what each pays for and what it does not, what is asked, and that each can be gone on with."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("trl")

import torch
from test_training_grpo import HALF, NEW, build
from test_training_reader import ASK, Finder

import tiny_models
from unswayed.conditions import STOP_THINK, Prompt
from unswayed.errors import BackendError
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.model_io import LetterScores
from unswayed.retry import Retry
from unswayed.training.augmentation import TrainingPrompt
from unswayed.training.blind_reader import BlindReader, ReaderInput
from unswayed.training.config.arms import ARMS
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.loader import build_config
from unswayed.training.config.reward import RewardSettings
from unswayed.training.grpo.batch_reward import BatchReward, reward_batch
from unswayed.training.rewards.evidence import EvidenceCollector, Rollout
from unswayed.training.rewards.llm_judging import PatientJudge
from unswayed.training.rewards.score import above_chance, jensen_shannon
from unswayed.training.rewards.turn_format import generated_thought_words, thought_end

BLUE, RED = "The sky is in it, so blue.", "It burns, so red."
"""Of the right option, and of a wrong one; `ASK` has red, blue, green, grey."""

# (what it is, text, finish, paid for the blind finish)
EXPLOITS = [
    ("as asked", f"<think>{BLUE}</think><answer>(B)</answer>", "stop", 1),
    ("wrong answer to a right thought", f"<think>{BLUE}</think><answer>(A)</answer>", "stop", 1),
    ("silent flip", f"<think>{RED}</think><answer>(B)</answer>", "stop", 0),
    ("letter alone", "<think>So it is (B).</think><answer>(B)</answer>", "stop", 0),
    ("bare letter", "<think>B.</think><answer>(B)</answer>", "stop", 0),
    ("every letter", "<think>(A) (B) (C) (D)</think><answer>(B)</answer>", "stop", 0),
    ("empty thought", "<think></think><answer>(B)</answer>", "stop", 0),
    ("no thought", "<answer>(B)</answer>", "stop", 0),
    ("template", f"{STOP_THINK}<answer>(B)</answer>", "stop", 0),
    ("answer before thought", f"<answer>(B)</answer><think>{BLUE}</think>", "stop", 0),
    ("answer, thought, answer", f"<answer>(B)</answer><think>{BLUE}</think><answer>(B)</answer>", "stop", 0),
    ("several answers", f"<think>{RED}</think><answer>(B)</answer><answer>(B) blue</answer>", "stop", 0),
    ("answer in the thought", "<think>Hm.<answer>(B)</answer></think><answer>(B)</answer>", "stop", 0),
    ("tags in tags", "<think>Hm.</think><answer><think>blue</answer>", "stop", 0),
    ("answer in the format", "<think>Hm.</think>blue, (B)<answer>(B)</answer>", "stop", 0),
    ("look-alike tags", "<think>＜/think＞＜answer＞B</think><answer>(B)</answer>", "stop", 0),
    ("cut off in the thought", f"<think>{BLUE}", "length", 0),
]  # fmt: skip


class Keen(Finder):
    """Goes by an option's words; without any by letters, in brackets or bare; else likes the first place."""

    def _score(self, p: Prompt) -> LetterScores:
        thought = p.prefill.removeprefix("<think>").split("</think>")[0]
        hits = [i for i, option in enumerate(p.options) if option in thought]
        words = thought.replace("(", " ").replace(")", " ").replace(".", " ").split()
        hits = hits or [i for i, letter in enumerate(p.letters) if letter in words] or [0]
        return LetterScores(tuple(float(i == hits[0]) for i in range(len(p.options))))


def rollout(text: str, finish: str = "stop", opened: str = "") -> Rollout:
    prompt = Prompt("", "?", opened, (b"picture",), ASK.options)
    return Rollout(TrainingPrompt(ASK, "base", prompt), opened, text, finish)


def paid(recipe: RewardSettings, *rollouts: Rollout, **who: Any) -> list[Any]:
    evidence = asyncio.run(EvidenceCollector(recipe, **who).collect(rollouts))
    return list(reward_batch(rollouts, evidence, GrpoConfig(reward=recipe), 1).rewards)


@pytest.mark.parametrize(("text", "finish", "want"), [e[1:] for e in EXPLOITS], ids=[e[0] for e in EXPLOITS])
def test_the_blind_finish_pays_for_what_a_thought_says(text: str, finish: str, want: float) -> None:
    recipe = RewardSettings(correct=0.5, finish=0.5)
    (found,) = paid(recipe, rollout(text, finish), live=Keen())
    assert found.more["finish"] == pytest.approx(want)
    assert found.total == pytest.approx(0.1 * found.format + 0.5 * found.correct + 0.5 * want)


@pytest.mark.parametrize("row", EXPLOITS, ids=[e[0] for e in EXPLOITS])
def test_no_exploit_is_worth_a_true_thought(row: tuple) -> None:
    """Under every recipe that reads thoughts, what was asked for is paid most, and alone so."""
    read = BlindReader(Keen())  # type: ignore[arg-type]
    recipes = [
        RewardSettings(correct=0.5, finish=0.5),
        RewardSettings(correct=0.5, finish=0.5, finish_only=1.0),
        RewardSettings(correct=0.5, finish=0.5, finisher="frozen"),
        RewardSettings(segments=True, gain=0.5),
        RewardSettings(expected=True),
        RewardSettings(care=0.5),
    ]
    for recipe in recipes:
        who = {"live": Keen(), "frozen": read, "reference": Keen()}
        best, found = paid(recipe, rollout(EXPLOITS[0][1]), rollout(row[1], row[2]), **who)
        assert 0 <= found.total <= best.total
        if (recipe.uses_blind_finish or recipe.segments) and row[3] == 0:
            assert found.total < best.total - 0.4


def test_a_prefill_is_finished_with_what_follows_it() -> None:
    """A wrong thought already begun: leaving it silently is not paid blind, revising it openly is."""
    begun = f"<think>{RED}"
    recipe = RewardSettings(correct=0.5, finish=0.5)
    silent = rollout("</think><answer>(B)</answer>", opened=begun)
    openly = rollout(" No. Not that: blue.</think><answer>(B)</answer>", opened=begun)

    class Last(Finder):  # goes by the option that is named last
        def _score(self, p: Prompt) -> LetterScores:
            at = [p.prefill.rfind(option) for option in p.options]
            return LetterScores(tuple(float(i == int(np.argmax(at))) for i in range(len(at))))

    a, b = paid(recipe, silent, openly, live=Last())
    assert (a.more["finish"], b.more["finish"]) == (0, 1)


def test_letters_and_places_give_every_option_the_same_exactly() -> None:
    """Whatever a reader's letters depend on besides the options, over all rotations each option gets 1/K."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")

    class Placed(Finder):
        def _score(self, p: Prompt) -> LetterScores:
            draw = random.Random(f"{seed} {p.prefill}")  # sees the thought, not what stands at the letters
            return LetterScores(tuple(draw.random() / 4 for _ in p.options))

    thoughts = [ReaderInput(ASK, ASK.options, f"{i} (B)") for i in range(20)]
    for each in asyncio.run(BlindReader(Placed()).read(thoughts, rotate=True)):  # type: ignore[arg-type]
        assert each.p == pytest.approx((0.25,) * 4, abs=1e-12)
        assert above_chance(each.p, 1) == pytest.approx(0, abs=1e-9)


def test_the_finisher_sees_neither_picture_nor_caption_and_equal_thoughts_once() -> None:
    finder = Keen()
    text = f"<think>{BLUE} (B)</think><answer>(B)</answer>"
    paid(RewardSettings(finish=0.5), rollout(text), rollout(text), rollout("<think>x</think>"), live=finder)
    assert len(finder.seen) == 2 * len(ASK.options)
    assert all(p.images == () and p.cue is None and "(B)" not in p.prefill for p in finder.seen)
    firsts = [p.options[0] for p in finder.seen[:4]]
    assert sorted(firsts) == sorted(ASK.options), "each option stands once at each place"


def test_what_the_reader_cannot_be_shown_leads_nowhere_but_a_reader_that_is_gone_is_an_error() -> None:
    class Half(Keen):
        async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
            found = await super().score_letters(prompts)
            return [None if "<image>" in p.prefill else s for p, s in zip(prompts, found, strict=True)]

    hostile = rollout(f"<think>{BLUE} <image></think><answer>(B)</answer>")
    good = rollout(f"<think>{BLUE}</think><answer>(B)</answer>")
    a, b = paid(RewardSettings(finish=0.5), hostile, good, live=Half())
    assert (a.more["finish"], b.more["finish"]) == (0, 1)
    with pytest.raises(BackendError):
        paid(RewardSettings(finish=0.5), hostile, live=Half())


def test_a_share_of_the_questions_is_paid_for_the_finish_alone() -> None:
    recipe = RewardSettings(correct=0.5, finish=0.5, finish_only=1.0)
    wrong, flip = rollout(EXPLOITS[1][1]), rollout(EXPLOITS[2][1])
    a, b = paid(recipe, wrong, flip, live=Keen())
    assert (a.total, b.total) == (pytest.approx(1.1), pytest.approx(0.1))


class Sure:
    """Sees everything; its letters are those of a table by what the prefill says."""

    chunk = 8

    def __init__(self) -> None:
        self.seen: list[Prompt] = []

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        self.seen += prompts
        return [
            LetterScores((0.02, 0.9, 0.02, 0.02) if "blue" in p.prefill else (0.1, 0.2, 0.05, 0.05))
            for p in prompts
        ]


def test_the_expected_answer_is_the_probability_of_the_right_one_where_it_is_given() -> None:
    """R5: luck is not paid, nor its lack; without a readable answer there is nothing."""
    right, unlucky = rollout(EXPLOITS[0][1]), rollout(EXPLOITS[1][1])
    lucky, open_end = rollout(EXPLOITS[2][1]), rollout(f"<think>{BLUE}", "length")
    model = Sure()
    found = paid(RewardSettings(expected=True, causal=0.5), right, unlucky, lucky, open_end, live=model)
    sure, guess = 0.9 / 0.96, 0.5
    assert [s.more["expected"] for s in found] == pytest.approx([sure, sure, guess, 0])
    assert [s.correct for s in found] == [1, 0, 1, 0]
    moved = jensen_shannon((0.02 / 0.96, sure, 0.02 / 0.96, 0.02 / 0.96), (0.25, 0.5, 0.125, 0.125))
    assert 0 < moved < 1
    assert found[0].total == pytest.approx(0.1 + sure + 0.5 * moved)
    assert found[1].total == pytest.approx(0.1 + sure), "a wrong answer is not paid for its thought's weight"
    assert found[2].more["causal"] == pytest.approx(0)
    assert all(p.images for p in model.seen), "the model itself sees the picture"
    assert model.seen[0].prefill == f"<think>{BLUE}</think><answer>"


def test_divergence_has_known_values() -> None:
    assert jensen_shannon((0.5, 0.5), (0.5, 0.5)) == 0
    assert jensen_shannon((1.0, 0.0), (0.0, 1.0)) == pytest.approx(1)
    assert jensen_shannon(None, (1.0, 0.0)) == 0


def test_likelihood_of_the_own_answer_decides_the_bonus() -> None:
    recipe = RewardSettings(care=0.5)
    scores = [rollout(EXPLOITS[0][1]), rollout(EXPLOITS[2][1]), rollout(EXPLOITS[1][1])]
    evidence = asyncio.run(EvidenceCollector(recipe, reference=Sure()).collect(scores))  # type: ignore[arg-type]
    found = reward_batch(scores, evidence, GrpoConfig(reward=recipe), 3).rewards
    assert [s.more["care"] for s in found] == [1, 0, 0]


def test_own_words_and_the_end_of_the_thought() -> None:
    assert generated_thought_words("<think>It is red.", " No: blue.</think><answer>(B)</answer>") == 2
    assert generated_thought_words("", "<think>One, two.</think>") == 2
    assert generated_thought_words("<think>It is red.", "") == 0
    for text, rest in (
        ("<think>a</think><answer>b</answer>", "<answer>b</answer>"),
        ("<think>a", ""),
        ("<think>a<answer>b", "<answer>b"),
        ("<answer>b</answer>", "<answer>b</answer>"),
        ("<answer>b</answer><think>a</think>c", "c"),
    ):
        assert text[thought_end(text) :] == rest


# A judge that is a language model.


class Flaky(Judge):
    """Raises, fails for some cases, or answers, as planned call by call."""

    name, version = "llm:flaky", "1"

    def __init__(self, *calls: str, never: str = "never") -> None:
        self.calls, self.never = list(calls), never
        self.asked: list[int] = []

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        self.asked.append(len(cases))
        how = self.calls.pop(0) if self.calls else "answer"
        if how == "raise":
            raise BackendError("nobody there", transient=True)
        return [
            Verdict("abstains", error="planted")
            if how == "fail" or self.never in c.thought or (how == "half" and i % 2)
            else Verdict("option", 1)
            for i, c in enumerate(cases)
        ]


PRODUCT = RewardSettings("multiplicative", judge="llm", judge_model="openai:x")
TEXTS = [f"<think>Thought {i}, blue.</think><answer>(B)</answer>" for i in range(4)]


def judged(judge: Flaky, *texts: str) -> tuple[list[Any], list[str]]:
    messages: list[str] = []
    patient = PatientJudge(judge, on_message=messages.append, retry=Retry(initial_pause=1e-3, max_pause=2e-3))
    collector = EvidenceCollector(PRODUCT, judge=patient)
    rollouts = [rollout(t) for t in texts]

    async def go() -> Any:
        await collector.collect([rollout("<think>First.</think><answer>(B)</answer>")])
        return await collector.collect(rollouts)

    evidence = asyncio.run(go())
    return list(reward_batch(rollouts, evidence, GrpoConfig(reward=PRODUCT), 1).rewards), messages


def test_a_judge_that_goes_away_is_waited_for_and_nobody_is_paid_nothing() -> None:
    judge = Flaky("answer", *["raise", "fail"] * 8, "half", "raise", "half")
    scores, messages = judged(judge, *TEXTS)
    assert [s.total for s in scores] == pytest.approx([1.1] * 4)
    assert len(messages) == 19
    assert all("training waits" in line for line in messages)
    assert judge.asked[-1] < 4, "what was answered is not asked again, but for one as a probe"


def test_a_thought_that_alone_cannot_be_judged_is_left_out_not_paid_nothing() -> None:
    scores, messages = judged(Flaky(), *TEXTS, "<think>never</think><answer>(B)</answer>")
    assert [s.total for s in scores[:4]] == pytest.approx([1.1] * 4)
    assert math.isnan(scores[4].total)
    assert "left out" in messages[-1]


def test_a_judge_that_never_answered_is_an_error() -> None:
    with pytest.raises(BackendError, match="nobody there"):
        judged(Flaky("raise"), *TEXTS)
    with pytest.raises(BackendError, match="did not answer at all"):
        judged(Flaky("fail"), *TEXTS)


def test_equal_thoughts_are_judged_once_and_rollouts_without_one_not_at_all() -> None:
    judge = Flaky()
    scores, _ = judged(judge, TEXTS[0], TEXTS[0], "<answer>(B)</answer>", "<think>cut off")
    assert judge.asked == [1, 1]
    assert [s.total for s in scores] == pytest.approx([1.1, 1.1, 0, 0])


def test_a_server_that_is_stopped_and_started_again() -> None:
    pytest.importorskip("aiohttp")
    from chat_server import ChatServer, ServerBehaviour
    from judge_minds import JudgeMind
    from unswayed.backends.openai import EndpointOptions, OpenAIBackend
    from unswayed.judges.llm import LLMJudge

    recipe = RewardSettings("multiplicative", judge="llm", judge_model="openai:x")
    habits = ServerBehaviour(own=False, flags="refuse", last="refuse", pictures="refuse", letters="refuse")
    with ChatServer(JudgeMind(), habits) as server:
        quick = Retry(attempts=2, initial_pause=0.01, max_pause=0.02)
        backend = OpenAIBackend(
            ChatServer.MODEL, EndpointOptions([server.url], retry=quick, patience=0.1, connect=0.5)
        )
        messages: list[str] = []

        def on_message(line: str) -> None:
            messages.append(line)
            if len(messages) == 2:
                server.start()

        collector = EvidenceCollector(
            recipe,
            judge=PatientJudge(
                LLMJudge(backend),
                close_connections=backend.close,
                on_message=on_message,
                retry=Retry(initial_pause=0.02, max_pause=0.05),
            ),
        )
        rollouts = [rollout(f"<think>It is blue, {i}.</think><answer>(B)</answer>") for i in range(3)]
        rollouts.append(rollout("<think>It is red.</think><answer>(B)</answer>"))
        for _ in range(2):  # each step of a training is an event loop of its own
            evidence = asyncio.run(collector.collect(rollouts))
            totals = [s.total for s in reward_batch(rollouts, evidence, GrpoConfig(reward=recipe), 4).rewards]
            assert totals == pytest.approx([1.1, 1.1, 1.1, 0])
            server.stop()
    assert len(messages) >= 2


# On the trainer.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_models.llava(tmp_path_factory.mktemp("tiny"))


def test_credit_by_tokens_reaches_the_gradient(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss's gradient is that of -mean(A_t log p_t) over the rollouts' tokens, A of shape (B, T)."""
    grpo = {"steps": 2, "prompts": 2, "num_generations": 4, "max_tokens": NEW}
    how = build_config(
        {"arm": "r2", "reward": {"gain": 0.0}, "augment": HALF, "grpo": grpo, "audit": {"every": 0}}
    )
    trainer = build(folder, tmp_path, how)
    trainer.scorer.collector.frozen = BlindReader(Keen())  # type: ignore[arg-type]
    model = trainer.model
    monkeypatch.setattr(
        BatchReward,
        "advantages",
        lambda self, config, multipliers, ends, length, size: np.random.default_rng(0).normal(
            size=(8, length)
        ),
    )
    batch = trainer.data_collator([{"place": i} for i in range(8)])
    model.train()
    trainer.current_gradient_accumulation_steps = 1
    inputs = trainer._generate_and_score_completions(batch)
    assert inputs["advantages"].shape == inputs["completion_ids"].shape
    model.zero_grad()
    trainer.compute_loss(model, inputs).backward()
    theirs = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    logits = model(input_ids=ids, attention_mask=mask, pixel_values=inputs["pixel_values"]).logits
    logp = logits[:, inputs["prompt_ids"].shape[1] - 1 : -1].float().log_softmax(-1)
    logp = logp.gather(-1, inputs["completion_ids"].unsqueeze(-1)).squeeze(-1)
    kept = inputs["completion_mask"].float()
    (-(inputs["advantages"] * logp * kept).sum() / kept.sum()).backward()
    for name, p in model.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(theirs[name], p.grad, rtol=1e-3, atol=1e-6, msg=name)
    assert max(g.abs().max() for g in theirs.values()) > 1e-4


def test_credit_stays_with_its_tokens_in_shuffled_micro_batches(folder: Path, tmp_path: Path) -> None:
    grpo = {"steps": 1, "prompts": 2, "num_generations": 4, "max_tokens": NEW, "micro_batch": 4}
    trainer = build(folder, tmp_path, build_config({"grpo": grpo, "audit": {"every": 0}}))
    made = trainer._generate_and_score_completions

    def marked(inputs: Any) -> Any:
        out = made(inputs)
        return out | {"advantages": out["completion_ids"].float()}

    trainer._generate_and_score_completions = marked
    trainer.model.train()
    batch = trainer.data_collator([{"place": i} for i in range(8)])
    for _ in range(2):
        inputs = trainer._prepare_inputs(batch)
        assert torch.equal(inputs["advantages"], inputs["completion_ids"].float())
        trainer._step += 1


SMALL = {"steps": 2, "prompts": 2, "num_generations": 3, "max_tokens": 4, "lr": 1e-3, "entropy_coef": 0.1}


@pytest.mark.parametrize("arm", ["r1+r3", "care", "r2", "r4", "r5"])
def test_each_arm_goes_on_where_it_stopped(folder: Path, tmp_path: Path, arm: str) -> None:
    """One seed is one run, stopped and gone on with or not: metrics and what the arm remembers."""
    from unswayed.training.grpo.run import train

    changes: dict[str, Any] = {"reward": {"care_every": 1}} if arm == "care" else {}
    how = build_config(
        {
            "arm": arm,
            "model": {"path": str(folder)},
            "data": {"limit": 16},
            "grpo": SMALL,
            "audit": {"every": 0},
        }
        | {"augment": HALF | ({"groups": "paired"} if arm == "r1+r3" else {})}
        | changes
    )
    assert train(how, tmp_path / "whole")
    assert not train(how, tmp_path / "parts", until=1)
    assert train(how, tmp_path / "parts")

    def metrics(out: Path) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in ("step_time", "train_runtime")} for line in lines]

    assert metrics(tmp_path / "whole") == metrics(tmp_path / "parts")
    one, two = (tmp_path / name / "checkpoints" / "checkpoint-2" for name in ("whole", "parts"))
    if arm == "r4":
        assert (one / "duals.json").read_text() == (two / "duals.json").read_text()
        assert any(v > 0 for v in json.loads((one / "duals.json").read_text())["values"].values())
    if arm == "care":
        a, b = (torch.load(f / "reference.pt", weights_only=True) for f in (one, two))
        assert a["at"] == b["at"] == 1
        assert all(torch.equal(a["weights"][k], b["weights"][k]) for k in a["weights"])
        first = torch.load(
            tmp_path / "parts" / "checkpoints" / "checkpoint-1" / "reference.pt", weights_only=True
        )
        assert any(not torch.equal(a["weights"][k], first["weights"][k]) for k in a["weights"])


def test_every_arm_can_be_named() -> None:
    for arm in ARMS:
        assert build_config({"arm": arm}).arm == arm
    both = build_config({"arm": "r1+r3"})
    assert both.augment.groups == "paired"
    assert both.grpo.scale_rewards == "none"
    assert both.reward.correct_part(1.0, 1.0) == 1.0
